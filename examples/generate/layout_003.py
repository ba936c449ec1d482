"""How study 003 writes: one workbook per hospital; Chinese in hospitals 01-08, English in 09 and 10."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from examples.generate.writing import Tables, write_workbook

ENGLISH = ("hospital_09", "hospital_10")

# (neutral column, Chinese header, English header, codes in Chinese, codes in English)
Codes = dict[object, str] | None
Layout = list[tuple[str, str, str, Codes, Codes]]
PATIENT: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("synthetic", "合成数据", "Synthetic", None, None),
    ("sex", "性别", "Sex", {"M": "男", "F": "女"}, {"M": "Male", "F": "Female"}),
    ("birth_ym", "出生年月", "Birth month", None, None),
    ("age", "年龄(岁)", "Age (years)", None, None),
    ("weight", "体重(kg)", "Weight (kg)", None, None),
    ("diagnosis_date", "诊断日期", "Diagnosis date", None, None),
    (
        "status",
        "入组时疾病状态",
        "Status at entry",
        {"rr": "复发/难治", "mrdpos": "MRD阳性", "mrdneg": "MRD阴性"},
        {"rr": "R/R", "mrdpos": "MRD positive", "mrdneg": "MRD negative"},
    ),
    (
        "arm",
        "治疗组",
        "Group",
        {"combination": "维奈克拉联合贝林妥欧单抗", "alone": "贝林妥欧单抗单药"},
        {"combination": "venetoclax + blinatumomab", "alone": "blinatumomab"},
    ),
    ("baseline_date", "基线骨髓日期", "Baseline marrow date", None, None),
    ("blasts", "基线原始细胞(%)", "Baseline blasts (%)", None, None),
    ("mrd_result", "基线MRD", "Baseline MRD", {1: "阳性", 0: "阴性"}, {1: "positive", 0: "negative"}),
    ("mrd", "基线MRD(%)", "Baseline MRD (%)", None, None),
    ("remark", "备注", "Remarks", None, None),
]
COURSE: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("course", "疗程", "Course", None, None),
    ("start", "开始日期", "Start", None, None),
    ("end", "结束日期", "End", None, None),
    ("dose_start", "第1-7天剂量(μg/d)", "Dose days 1-7 (ug/d)", None, None),
    ("dose_target", "第8天起剂量(μg/d)", "Dose from day 8 (ug/d)", None, None),
    ("venetoclax_start", "维奈克拉开始", "Venetoclax start", None, None),
    ("venetoclax_end", "维奈克拉结束", "Venetoclax end", None, None),
    ("venetoclax_dose", "维奈克拉剂量(mg/d)", "Venetoclax dose (mg/d)", None, None),
]
RESPONSE: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("course", "疗程", "Course", None, None),
    ("date", "评估日期", "Assessment date", None, None),
    ("blasts", "原始细胞(%)", "Blasts (%)", None, None),
    ("anc", "中性粒细胞(10^9/L)", "ANC (10^9/L)", None, None),
    ("platelets", "血小板(10^9/L)", "Platelets (10^9/L)", None, None),
    (
        "response",
        "疗效",
        "Response",
        {"CR": "CR", "PR": "PR", "NR": "NR"},
        {"CR": "CR", "PR": "PR", "NR": "NR"},
    ),
    ("mrd_result", "MRD", "MRD", {1: "阳性", 0: "阴性"}, {1: "positive", 0: "negative"}),
    ("mrd", "MRD(%)", "MRD (%)", None, None),
    ("sensitivity", "MRD灵敏度(%)", "MRD sensitivity (%)", None, None),
]
LABORATORY: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("date", "检验日期", "Date", None, None),
    ("wbc", "白细胞(10^9/L)", "WBC (10^9/L)", None, None),
    ("anc", "中性粒细胞(10^9/L)", "ANC (10^9/L)", None, None),
    ("platelets", "血小板(10^9/L)", "Platelets (10^9/L)", None, None),
    ("alt", "ALT(U/L)", "ALT (U/L)", None, None),
    ("ast", "AST(U/L)", "AST (U/L)", None, None),
    ("bilirubin", "总胆红素(μmol/L)", "Bilirubin (umol/L)", None, None),
]
FOLLOW_UP: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("hsct_date", "移植日期", "HSCT date", None, None),
    ("relapse_date", "复发日期", "Relapse date", None, None),
    (
        "relapse_type",
        "复发类型",
        "Relapse type",
        {"marrow": "骨髓", "extramedullary": "髓外"},
        {"marrow": "marrow", "extramedullary": "extramedullary"},
    ),
    ("alive", "生存状态", "Vital status", {1: "存活", 0: "死亡"}, {1: "alive", 0: "dead"}),
    ("death_date", "死亡日期", "Death date", None, None),
    (
        "death_cause",
        "死亡原因",
        "Cause of death",
        {"no response": "未缓解", "relapse": "复发"},
        {"no response": "no response", "relapse": "relapse"},
    ),
    ("on_chemotherapy", "末次随访仍化疗", "On chemotherapy", {1: "是", 0: "否"}, {1: "yes", 0: "no"}),
    ("last_contact", "末次随访日期", "Last contact", None, None),
]
IMMUNE: Layout = [
    ("patient", "病案号", "Record no.", None, None),
    ("date", "检测日期", "Date", None, None),
    (
        "timepoint",
        "时间点",
        "Time point",
        {"before": "基线", "day28": "第28天"},
        {"before": "baseline", "day28": "day 28"},
    ),
    ("treg_cd4", "Treg占CD4(%)", "Treg of CD4 (%)", None, None),
    ("cd45ra_cd8", "CD45RA占CD8(%)", "CD45RA of CD8 (%)", None, None),
    ("cd45ro_cd8", "CD45RO占CD8(%)", "CD45RO of CD8 (%)", None, None),
    ("t_lymph", "T细胞占淋巴细胞(%)", "T cells of lymphocytes (%)", None, None),
    ("nkt_lymph", "NKT占淋巴细胞(%)", "NKT of lymphocytes (%)", None, None),
]
SHEETS: dict[str, tuple[str, str, Layout]] = {
    "patients": ("患者信息", "Patients", PATIENT),
    "courses": ("治疗", "Treatment", COURSE),
    "responses": ("疗效", "Response", RESPONSE),
    "laboratory": ("检验", "Laboratory", LABORATORY),
    "follow_up": ("随访", "Follow-up", FOLLOW_UP),
    "immune": ("流式", "Flow cytometry", IMMUNE),
}


def write(tables: Tables, folder: Path) -> None:
    """Write `hospital_NN/hospital_NN_synthetic.xlsx`; only hospital 01 has the flow cytometry sheet."""
    frames = _completed(tables)
    for centre in sorted(tables["patients"]["centre"].unique()):
        sheets = sheets_of(frames, centre)
        write_workbook(sheets, folder / centre / f"{centre}_synthetic.xlsx")


def sheets_of(frames: Tables, centre: str) -> dict[str, pl.DataFrame]:
    english = centre in ENGLISH
    sheets = {}
    for name, (chinese_name, english_name, columns) in SHEETS.items():
        part = frames[name].filter(pl.col("centre") == centre)
        if name == "immune" and part.is_empty():
            continue
        sheets[english_name if english else chinese_name] = part.select(
            _cell(column, codes_en if english else codes_zh).alias(header_en if english else header_zh)
            for column, header_zh, header_en, codes_zh, codes_en in columns
        )
    return sheets


def _cell(column: str, codes: Codes) -> pl.Expr:
    if codes is None:
        return pl.col(column)
    return (
        pl.col(column)
        .cast(pl.String)
        .replace_strict({str(key): value for key, value in codes.items()}, return_dtype=pl.String)
    )


def _completed(tables: Tables) -> Tables:
    """The columns that the sheets derive: result words, birth month, vital status."""
    patients = tables["patients"].with_columns(
        pl.lit("是").alias("synthetic"),
        pl.col("birth").dt.strftime("%Y-%m").alias("birth_ym"),
        pl.col("mrd").is_not_null().cast(pl.Int8).alias("mrd_result"),
        pl.col("death_date").is_null().cast(pl.Int8).alias("alive"),
    )
    responses = tables["responses"].with_columns(
        pl.col("mrd").is_not_null().cast(pl.Int8).alias("mrd_result"), pl.lit(0.01).alias("sensitivity")
    )
    return {**tables, "patients": patients, "responses": responses, "follow_up": patients}
