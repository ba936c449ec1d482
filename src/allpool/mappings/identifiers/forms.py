"""Forms of cells that are direct identifiers: personal numbers, phones, e-mails, addresses, names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from allpool.mappings.identifiers import check_digits
from allpool.mappings.profile import IdentifierKind

HAN: Final = "一-鿿"

# 百家姓 of the Ministry of Public Security's 二〇二〇年全国姓名报告 (2021): 100 surnames, 85 % of people;
# compound surnames with more than 2,000 bearers in it; traditional forms of those that differ.
SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈"
    "钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓鄧馮蕭蔣葉蘇呂盧鍾譚陸範賈鄒龍賀顧龔萬錢嚴"
)
COMPOUND: Final = (
    "欧阳|上官|皇甫|令狐|诸葛|司徒|司马|申屠|夏侯|贺兰|完颜|慕容|尉迟|长孙|歐陽|諸葛|司馬|賀蘭|完顏|尉遲|長孫"
)
PERSON: Final = rf"^(?:[{SURNAMES}][{HAN}]{{1,2}}|(?:{COMPOUND})[{HAN}]{{1,2}})$"
"""A Chinese name: a common surname and a given name of one or two characters."""


@dataclass(frozen=True)
class Form:
    """A form that a cell may have.

    `pattern` finds it over whole columns; `check` is asked of what is found there. Where `chance` is given,
    other numbers pass by chance: of the texts that it matches at least half must pass, and three of them to
    tell a whole column.
    """

    kind: IdentifierKind
    title: str
    pattern: str
    needs: str = r"[0-9]{3}"
    """A short expression that every text of the form matches, looked for first."""
    check: Callable[[str], bool] | None = None
    chance: str | None = None
    checked: str | None = None
    """The texts among them that have a check digit, where not all have: they alone tell a column."""
    single: bool = True
    """Whether one cell says enough in a column of other things, also inside a longer text; Python reads its
    pattern then too."""

    @cached_property
    def _found(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![0-9A-Za-z])(?<![0-9][.,])(?:{self.pattern})(?![0-9A-Za-z]|[.,][0-9])")

    @property
    def whole(self) -> str:
        """The expression that the whole text matches."""
        return rf"^(?:{self.pattern})$"

    def passes(self, text: str) -> bool:
        """Return whether a text that the pattern found also has the check digit that it should have."""
        has_digit = self.checked is None or re.fullmatch(self.checked, text) is not None
        return self.check is None or (has_digit and self.check(text))

    def is_within(self, text: str) -> bool:
        """Return whether the form stands anywhere in the text."""
        return any(self.passes(found[0]) for found in self._found.finditer(text))


def _is_mobile(text: str) -> bool:
    """Return whether eleven digits are a phone number: a cell count that begins alike ends in zeros."""
    return not text.endswith("00000")


FORMS: Final = (
    Form(
        "email",
        "e-mail addresses",
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
        "@",
    ),
    Form(
        "national_id",
        "Chinese resident ids with their check character (GB 11643-1999)",
        r"[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx]",
        r"[0-9]{9}",
        check_digits.is_chinese_resident_id,
    ),
    Form(
        "national_id",
        "Chinese resident ids of 15 digits",
        r"[1-9][0-9]{14}",
        r"[0-9]{9}",
        check_digits.is_chinese_resident_id,
        chance=r"[0-9]{15}",
    ),
    Form(
        "national_id",
        "Czech birth numbers with their check digit",
        r"[0-9]{6}\s?/\s?[0-9]{3,4}",
        r"[0-9]{6}\s?/",
        check_digits.is_czech_birth_number,
        chance=r"[0-9]{6}\s?/\s?[0-9]{4}",
        checked=r"[0-9]{6}\s?/\s?[0-9]{4}",
    ),
    Form(
        "national_id",
        "Czech birth numbers without their slash, with their check digit",
        r"[0-9]{10}",
        r"[0-9]{9}",
        check_digits.is_czech_birth_number,
        chance=r"[0-9]{10}",
    ),
    Form(
        "national_id",
        "German insurance numbers with their check digit",
        r"[A-Z][0-9]{9}",
        r"[0-9]{9}",
        check_digits.is_german_insurance_number,
        chance=r"[A-Z][0-9]{9}",
        single=False,
    ),
    Form(
        "national_id",
        "German tax numbers with their check digit",
        r"[1-9][0-9]{10}",
        r"[0-9]{9}",
        check_digits.is_german_tax_number,
        chance=r"[0-9]{11}",
        single=False,
    ),
    # 电信网编号计划 (Ministry of Industry and Information Technology, 2017): 1[3-9] and nine digits
    Form(
        "phone",
        "Chinese mobile phones",
        r"1[3-9][0-9](?:[ -]?[0-9]{4}){2}",
        r"[0-9]{4}",
        _is_mobile,
        chance=r"[0-9]{11}",
    ),
    Form("phone", "Chinese landline phones", r"\(?0[1-9][0-9]{1,2}\)?[ -][2-9][0-9]{6,7}", r"[0-9]{7}"),
    # ITU-T E.164: at most 15 digits after the plus sign
    Form("phone", "phones with a country code", r"\+[1-9](?:[ ()/.-]{0,2}[0-9]){8,14}", r"\+[1-9]"),
    Form(
        "phone",
        "North American phones",
        r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ][0-9]{4}|[2-9][0-9]{2}[-.][2-9][0-9]{2}[-.][0-9]{4}",
        r"[0-9]{3}[-.][0-9]{4}|\) ?[0-9]",
    ),
    Form(
        "address",
        "Chinese addresses",
        rf"[{HAN}]{{1,8}}(?:省|市|自治区)[{HAN}]{{0,10}}(?:区|县|市|旗|镇|乡)[{HAN}0-9A-Za-z-]{{1,40}}"
        r"(?:路|街|巷|弄|号|村|室|栋|幢|组|屯)[0-9A-Za-z-]{0,6}(?:号|室)?",
        "省|市|自治区",
    ),
    Form(
        "address",
        "streets with house numbers",
        r"(?:\d{1,3}\. )?\p{Lu}[\p{L}.' -]{2,40} \d{1,5}[a-zA-Z]?(?:/\d{1,4}[a-zA-Z]?)?,? +(?:[A-Z]{1,2}-)?"
        r"\d{3} ?\d{2},? \p{Lu}[\p{L} -]+"
        r"|\p{Lu}[\p{L}.-]{2,40}(?:straße|strasse|str\.|weg|platz|gasse|allee) \d{1,4}[a-z]?(?:,? .{0,60})?"
        r"|\d{1,5} (?:[NSEW]\. )?\p{Lu}[\p{L}.' -]{1,40} "
        r"(?:St|Street|Ave|Avenue|Road|Rd|Lane|Ln|Drive|Dr|Blvd|Boulevard|Court|Ct|Way)\b\.?(?:,? .{0,80})?",
        r"[a-zá-ž]{2}[a-zá-ž.]* [0-9]|[0-9]{1,5} (?:[NSEW]\. )?[A-Z][a-z]",
        single=False,
    ),
)  # fmt: skip
"""What tells by itself, without the name of the column."""

DATE: Final = r"^\d{4}[-./年]\s?\d{1,2}([-./月]|$)|^\d{1,2}[-./ ]+\d{1,2}[-./ ]+\d{4}"

SHAPES: Final[dict[IdentifierKind, str]] = {
    "email": r"@",
    "phone": r"^[+(]?[0-9](?:[ ()/.+-]{0,2}[0-9]){6,14}$",
    "national_id": r"^[0-9]{6}\s*/?\s*[0-9]{3,4}$|^[0-9]{15}$|^[0-9]{17}[0-9Xx]$|^[A-Z]{1,2}[0-9]{6,9}$"
    r"|^[0-9]{3}-?[0-9]{2}-?[0-9]{4}$|^[0-9]{11}$",
    "postcode": r"^(?:[A-Z]{1,2}[- ])?[0-9]{3} ?[0-9]{2}$|^[0-9]{5}(?:-[0-9]{4})?$|^[0-9]{6}$"
    r"|^[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}$",
    "address": r"\p{L}{2,}.*[0-9]|(?:省|市|区|县|镇|乡|村|路|街|号)",
    "name": rf"{PERSON}|^\p{{Lu}}[\p{{L}}'’.-]+(?:[ ,]+\p{{Lu}}[\p{{L}}'’.-]*){{1,3}}$",
    # two digits first: 1E-5 is a residual disease, which Czech names MRN too
    "medical_record_number": r"^[A-Za-z]{0,4}[-/ ]?[0-9]{2}[0-9A-Za-z/-]{2,18}$",
    "patient_key": r"^[^\s]*[0-9][^\s]*$",
}
"""What cells look like under a name that is not plain; never alone."""

HARMLESS: Final = (
    r"(?i)^(?:yes|no|y|n|ano|ne|ja|nein|true|false|unknown|unk|n/?a|none|signed|given|done|是|否|有|无|未知|不详|已签|未签"
    r"|neznámo|nezjištěno|unbekannt|[0-9]{1,2}|[x*.#-]+|\[?(?:redacted|removed|deleted|hidden|masked|anonymi[sz]ed|"
    r"pseudonymi[sz]ed|confidential)\]?|已?删除|已?保密|已?脱敏|已?隐去|已?匿名)$"
)
"""Cells that tell of nobody, whatever their column is called."""
