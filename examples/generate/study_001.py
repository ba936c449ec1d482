"""Study 001: one hospital, one Chinese CSV in GB18030, one row per patient."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from examples.generate.draws import Draws
from examples.generate.writing import Row, Tables, coded, dated, days, design, table, write_csv

CUTOFF = date(2024, 11, 30)
FIRST_ENROLMENT = date(2021, 11, 8)
DEATH_CAUSES = {
    "SYN001-01": "progression",
    "SYN001-02": "progression",
    "SYN001-04": "infection",
    "SYN001-05": "infection",
    "SYN001-07": "organ failure",
    "SYN001-11": "chronic gvhd",
    "SYN001-13": "progression",
}
CART_AFTER = {"SYN001-02": 35, "SYN001-04": 48}  # day after the first dose
BRIDGING = {"SYN001-07": "azacitidine + ponatinib + anti-CD22", "SYN001-17": "imatinib"}
LOW_WEIGHT = {"SYN001-06": (28.5, 1.04), "SYN001-09": (43.6, 1.38)}
PROGRESSION = {"SYN001-01": 40, "SYN001-02": 52, "SYN001-04": 45}


def cohort(draws: Draws) -> Tables:
    """The 19 synthetic patients of the seed cohort with calendar dates, doses, counts and MRD."""
    return {"patients": table([_patient(row, draws) for row in design("design_001")])}


def _patient(seed: dict[str, str], draws: Draws) -> Row:
    key, observed = seed["patient"], days(float(seed["os_months"]))
    died = seed["death"] == "1"
    if died:
        latest = CUTOFF - timedelta(days=observed + 60)
        first = FIRST_ENROLMENT + timedelta(days=draws.between(0, (latest - FIRST_ENROLMENT).days))
    else:
        first = CUTOFF - timedelta(days=observed + draws.between(0, 20))
    age, weight = int(seed["age"]), _weight(seed, draws)
    birth = date(first.year - age, first.month, 1) - timedelta(days=30 * draws.between(1, 10) + 15)
    complete = seed["cr"] == "1"
    row: Row = {
        "patient": key,
        "sex": seed["sex"],
        "birth": birth.replace(day=1),
        "age": age,
        "weight": weight[0],
        "bsa": weight[1],
        "diagnosis_date": first - timedelta(days=days(float(seed["months_dx_to_blina"]))),
        "ph": int(seed["ph_pos"]),
        "extramedullary": int(seed["extramedullary"]),
        "prior_hsct": int(seed["prior_hsct"]),
        "prior_cart": int(seed["prior_cart"]),
        "entry_mrd_only": int(seed["entry_mrd_only"]),
        "first_dose": first,
        "dose_unit": "m2" if weight[0] < 45 else "d",
        "dose_start": 5 if weight[0] < 45 else 9,
        "dose_target": 15 if weight[0] < 45 else 28,
        "cycles": int(seed["cycles"]),
        **_adverse_events(seed, first, draws),
    }
    starts, ends = _courses(seed, observed, draws, child=weight[0] < 45)
    for number in range(6):
        given = number < len(starts)
        row[f"start_{number + 1}"] = first + timedelta(days=starts[number]) if given else None
        row[f"end_{number + 1}"] = first + timedelta(days=ends[number]) if given else None
    hsct = _transplant_day(seed, ends)
    gap = min(13, (hsct or 999) - ends[0] - 1, observed - ends[0] - 2)
    assessed = ends[0] + draws.between(2, max(2, gap))
    relapse = days(float(seed["relapse_months"])) if seed["relapse_months"] else None
    row |= _marrow(seed, draws)
    row |= _counts(complete=complete, draws=draws)
    row |= {
        "assessment_date": first + timedelta(days=assessed),
        "day8_date": first + timedelta(days=7),
        "baseline_date": first - timedelta(days=draws.between(1, 6)),
        "response": "CR" if complete else "NR",
        "hsct_date": None if hsct is None else first + timedelta(days=hsct),
        "post_hsct_date": None if hsct is None else first + timedelta(days=min(hsct + 30, observed - 3)),
        "bridging": BRIDGING.get(key),
        "cart_date": first + timedelta(days=CART_AFTER[key]) if key in CART_AFTER else None,
        "relapse_date": None if relapse is None else first + timedelta(days=relapse),
        "relapse_type": None if relapse is None else ("marrow + CNS" if key == "SYN001-13" else "marrow"),
        "death_date": first + timedelta(days=observed) if died else None,
        "death_cause": DEATH_CAUSES[key] if died else None,
        "last_contact": first + timedelta(days=observed),
        "remark": draws.pick([None, None, "资料已核对", "外院转入", "NA"]),
    }
    return row


def _weight(seed: dict[str, str], draws: Draws) -> tuple[float, float]:
    if seed["patient"] in LOW_WEIGHT:
        return LOW_WEIGHT[seed["patient"]]
    weight = draws.skewed(70 if seed["sex"] == "M" else 58, 0.11, low=46, high=95, digits=1)
    return weight, round(0.007184 * weight**0.425 * (168 if seed["sex"] == "M" else 159) ** 0.725, 2)


def _courses(
    seed: dict[str, str], observed: int, draws: Draws, *, child: bool
) -> tuple[list[int], list[int]]:
    """Days of start and end of each course, counted from the first dose; the end is the last day
    of infusion."""
    count, key = int(seed["cycles"]), seed["patient"]
    length = 14 if key == "SYN001-01" else draws.pick([14, 21] if child else [14, 28, 28])
    starts, ends = [0], [length]
    relapse = days(float(seed["relapse_months"])) if seed["relapse_months"] else None
    for _ in range(count - 1):
        start = relapse + 10 if relapse is not None else ends[-1] + 21
        starts.append(start)
        ends.append(min(start + 14, observed - 3))
    return starts, ends


def _transplant_day(seed: dict[str, str], ends: list[int]) -> int | None:
    """The printed interval runs from the end of the last infusion before the transplant (flag F001-07)."""
    if not seed["days_blina_to_hsct"]:
        return None
    before_relapse = seed["relapse_months"] != ""
    return (ends[0] if before_relapse else ends[-1]) + int(float(seed["days_blina_to_hsct"]))


def _marrow(seed: dict[str, str], draws: Draws) -> Row:
    complete, answered = seed["cr"] == "1", seed["mrd_responder"] == "1"
    if seed["entry_mrd_only"] == "1":
        blasts, mrd = draws.uniform(0.5, 4.0, 1), draws.uniform(0.03, 2.5, 2)
    elif seed["blast_ge50"] == "1":
        blasts = draws.uniform(53, 93, 1)
        mrd = round(blasts * draws.uniform(0.8, 0.97), 1)
    else:
        blasts = draws.uniform(8, 46, 1)
        mrd = round(blasts * draws.uniform(0.7, 0.97), 1)
    after = draws.uniform(0.0, 3.5, 1) if complete else draws.uniform(24, 78, 1)
    return {
        "blasts_before": blasts,
        "mrd_before": mrd,
        "blasts_day8": round((blasts + after) / 2 * draws.uniform(0.5, 1.0), 1),
        "blasts_after": after,
        "mrd_after": None if answered else draws.uniform(0.03, 0.8, 2) if complete else round(after * 0.9, 1),
    }


def _counts(*, complete: bool, draws: Draws) -> Row:
    before = draws.skewed(4.2, 0.7, low=0.4, high=60, digits=2)
    after = draws.uniform(2.6, 7.5, 2) if complete else draws.uniform(0.6, 3.0, 2)
    neutrophils = max(1.1, after * draws.uniform(0.4, 0.65)) if complete else after * draws.uniform(0.1, 0.3)
    return {
        "wbc_before": before,
        "anc_before": round(before * draws.uniform(0.08, 0.4), 2),
        "platelets_before": draws.between(12, 140),
        "alt_before": draws.between(9, 60),
        "ast_before": draws.between(10, 50),
        "bilirubin_before": draws.uniform(5, 20, 1),
        "wbc_after": after,
        "anc_after": round(neutrophils, 2),
        "platelets_after": draws.between(104, 260) if complete else draws.between(9, 64),
        "alt_after": draws.between(10, 70),
        "ast_after": draws.between(11, 60),
        "bilirubin_after": draws.uniform(5, 21, 1),
    }


def _adverse_events(seed: dict[str, str], first: date, draws: Draws) -> Row:
    changed = {
        "SYN001-05": ("interrupted", "transaminases"),
        "SYN001-11": ("interrupted", "crs"),
        "SYN001-04": ("reduced", "oedema and cardiac insufficiency"),
        "SYN001-01": ("stopped", "several"),
    }
    action, reason = changed.get(seed["patient"], ("none", None))
    crs = int(seed["crs_grade"])
    return {
        "crs_grade": 2 if crs == 1 and draws.chance(0.3) else crs,
        "crs_date": first + timedelta(days=draws.between(0, 4)) if crs else None,
        "febrile_neutropenia": 3 if seed["febrile_neutropenia_g3"] == "1" else None,
        "sepsis": int(seed["sepsis"]),
        "heart_failure": 3 if seed["heart_failure_g3"] == "1" else None,
        "cardiac_insufficiency": 3 if seed["cardiac_insufficiency_g3"] == "1" else None,
        "oedema": 4 if seed["edema_g4"] == "1" else None,
        "headache": 1 if seed["headache_g1"] == "1" else None,
        "transaminases": 4 if seed["transaminases_g4"] == "1" else None,
        "dose_change": action,
        "dose_change_reason": reason,
    }


YES_NO = {0: "否", 1: "是"}
PRESENT = {0: "无", 1: "有"}
LONG, SHORT = "%Y年%-m月%-d日", "%Y/%-m/%-d"


def _percent(column: str) -> pl.Expr:
    """MRD as the laboratory prints it: `<0.01%` when negative (null here), else a number and the sign."""
    return pl.col(column).cast(pl.String).add("%").fill_null("<0.01%")


def write(tables: Tables, folder: Path) -> None:
    """Write `blina_rr_synthetic.csv`."""
    write_csv(layout(tables["patients"]), folder / "blina_rr_synthetic.csv", encoding="gb18030")


def layout(patients: pl.DataFrame) -> pl.DataFrame:
    unit = {"d": "μg/d", "m2": "μg/m2/d"}
    causes = {
        "progression": "疾病进展",
        "infection": "重症感染",
        "organ failure": "心肾功能衰竭",
        "chronic gvhd": "慢性移植物抗宿主病",
    }
    reasons = {
        "transaminases": "转氨酶升高",
        "crs": "细胞因子释放综合征",
        "oedema and cardiac insufficiency": "水肿及心功能不全",
        "several": "多种不良反应",
    }
    columns: dict[str, pl.Expr] = {
        "数据说明": pl.lit("合成数据"),
        "编号": pl.col("patient"),
        "性别": coded("sex", {"M": "男", "F": "女"}),
        "出生年月": dated("birth", "%Y年%-m月"),
        "年龄": pl.col("age"),
        "体重(kg)": pl.col("weight"),
        "体表面积(m2)": pl.col("bsa"),
        "诊断": pl.lit("B-ALL"),
        "诊断日期": dated("diagnosis_date", LONG),
        "费城染色体": coded("ph", {0: "阴性", 1: "阳性"}),
        "髓外病变": coded("extramedullary", PRESENT),
        "既往移植": coded("prior_hsct", YES_NO),
        "既往CAR-T": coded("prior_cart", YES_NO),
        "用药前疾病状态": coded("entry_mrd_only", {0: "复发难治", 1: "缓解期MRD阳性"}),
        "首次用药日期": dated("first_dose", SHORT),
        "起始剂量": pl.col("dose_start"),
        "目标剂量": pl.col("dose_target"),
        "剂量单位": coded("dose_unit", unit),
        "疗程数": pl.col("cycles"),
    }
    for number in range(1, 7):
        columns[f"疗程{number}开始"] = dated(f"start_{number}", SHORT)
        columns[f"疗程{number}结束"] = dated(f"end_{number}", SHORT)
    columns |= {
        "剂量调整": coded(
            "dose_change", {"none": "无", "interrupted": "暂停", "reduced": "减量", "stopped": "停药"}
        ),
        "剂量调整原因": coded("dose_change_reason", reasons),
        "基线检查日期": dated("baseline_date", SHORT),
        "基线骨髓原始细胞(%)": pl.col("blasts_before"),
        "基线MRD": _percent("mrd_before"),
        "基线白细胞(10^9/L)": pl.col("wbc_before"),
        "基线中性粒细胞(10^9/L)": pl.col("anc_before"),
        "基线血小板(10^9/L)": pl.col("platelets_before"),
        "基线ALT(U/L)": pl.col("alt_before"),
        "基线AST(U/L)": pl.col("ast_before"),
        "基线总胆红素(μmol/L)": pl.col("bilirubin_before"),
        "第8天骨髓日期": dated("day8_date", SHORT),
        "第8天骨髓原始细胞(%)": pl.col("blasts_day8"),
        "疗效评估日期": dated("assessment_date", SHORT),
        "评估骨髓原始细胞(%)": pl.col("blasts_after"),
        "评估MRD": _percent("mrd_after"),
        "MRD方法": pl.lit("流式细胞术"),
        "MRD灵敏度": pl.lit("0.01%"),
        "评估白细胞(10^9/L)": pl.col("wbc_after"),
        "评估中性粒细胞(10^9/L)": pl.col("anc_after"),
        "评估血小板(10^9/L)": pl.col("platelets_after"),
        "评估ALT(U/L)": pl.col("alt_after"),
        "评估AST(U/L)": pl.col("ast_after"),
        "评估总胆红素(μmol/L)": pl.col("bilirubin_after"),
        "疗效": coded("response", {"CR": "完全缓解", "NR": "未缓解"}),
        "桥接治疗": coded(
            "bridging",
            {"imatinib": "伊马替尼", "azacitidine + ponatinib + anti-CD22": "阿扎胞苷+普纳替尼+CD22单抗"},
        ),
        "移植日期": dated("hsct_date", SHORT),
        "移植后MRD日期": dated("post_hsct_date", SHORT),
        "移植后MRD": pl.when(pl.col("post_hsct_date").is_not_null()).then(pl.lit("<0.01%")),
        "CAR-T日期": dated("cart_date", SHORT),
        "复发日期": dated("relapse_date", SHORT),
        "复发类型": coded("relapse_type", {"marrow": "骨髓", "marrow + CNS": "骨髓+中枢"}),
        "CRS分级": pl.col("crs_grade"),
        "CRS发生日期": dated("crs_date", SHORT),
        "发热性中性粒细胞减少分级": pl.col("febrile_neutropenia"),
        "细菌性脓毒症": coded("sepsis", PRESENT),
        "心力衰竭分级": pl.col("heart_failure"),
        "心功能不全分级": pl.col("cardiac_insufficiency"),
        "水肿分级": pl.col("oedema"),
        "头痛分级": pl.col("headache"),
        "转氨酶升高分级": pl.col("transaminases"),
        "生存状态": pl.when(pl.col("death_date").is_null()).then(pl.lit("存活")).otherwise(pl.lit("死亡")),
        "死亡日期": dated("death_date", SHORT),
        "死亡原因": coded("death_cause", causes),
        "末次随访日期": dated("last_contact", SHORT),
        "备注": pl.col("remark"),
    }
    return patients.select(expression.alias(name) for name, expression in columns.items())
