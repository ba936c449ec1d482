"""How study 004 writes: semicolons, decimal commas, dd.mm.yyyy; cp1250 or UTF-8 with BOM."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from examples.generate.writing import Tables, coded, comma, dated, write_csv

ENCODINGS = {
    "praha": ("utf-8", True),
    "brno": ("cp1250", False),
    "ostrava": ("cp1250", False),
    "hradec": ("utf-8", True),
}
DEATH_CAUSES = {
    "ALL": "leukemie",
    "infection after HSCT": "infekce po transplantaci",
    "secondary MDS": "sekundární MDS",
    "SARS-CoV-2": "SARS-CoV-2",
}

DOTTED = "%d.%m.%Y"
YES_NO = {0: "ne", 1: "ano"}
KARYOTYPES = {
    "Normal": "normální",
    "t(X;11)": "t(X;11)",
    "t(2;8)": "t(2;8)",
    "Low hypodiploidy/near triploidy": "nízká hypodiploidie/near-triploidie",
    "Hyperdiploidy": "hyperdiploidie",
    "Complex": "komplexní",
    "Failed": "neúspěšná kultivace",
}
EVENTS = {
    "refractory": "refrakterní onemocnění",
    "hematologic relapse": "hematologický relaps",
    "molecular relapse": "molekulární relaps",
    "CNS relapse": "relaps CNS",
    "secondary MDS": "sekundární MDS",
}
TERMS = {
    "Bilirubin increased": "zvýšení bilirubinu",
    "ALT increased": "zvýšení ALT",
    "AST increased": "zvýšení AST",
    "GGT increased": "zvýšení GGT",
    "Cytokine release syndrome": "syndrom z uvolnění cytokinů",
    "Febrile neutropenia": "febrilní neutropenie",
    "Soft tissue infection": "infekce měkkých tkání",
    "Catheter-related infection": "katétrová infekce",
    "SARS-CoV-2 infection": "infekce SARS-CoV-2",
    "Paresthesia": "parestezie",
    "Ataxia": "ataxie",
    "Attention disturbance": "porucha pozornosti",
    "Muscle cramps": "svalové křeče",
    "Hypophosphatemia": "hypofosfatemie",
    "Hypofibrinogenemia": "hypofibrinogenemie",
    "Hypoalbuminemia": "hypoalbuminemie",
}
TIMEPOINTS = {
    "D40": "den 40",
    "W11": "týden 11",
    "W18": "týden 18",
    "W26": "týden 26",
    "W39": "týden 39",
    "W52": "týden 52",
    "relapse": "relaps",
    "after relapse": "po relapsu",
}
RESULTS = {
    "undetectable": "negativní",
    "positive not quantifiable": "pozitivní nekvantifikovatelné",
    "no target": "nehodnotitelné",
}


def write(tables: Tables, folder: Path) -> None:
    """Write `pacienti`, `mrd`, `nezadouci_ucinky` and `laborator` for each centre."""
    frames = {
        "pacienti": tables["patients"].select("centre", **_patient_columns()),
        "mrd": tables["mrd"].select("centre", **_mrd_columns()),
        "nezadouci_ucinky": tables["adverse_events"].select("centre", **_event_columns()),
        "laborator": tables["laboratory"].select("centre", **_laboratory_columns()),
    }
    for centre, (encoding, bom) in ENCODINGS.items():
        for name, frame in frames.items():
            part = frame.filter(pl.col("centre") == centre).drop("centre")
            write_csv(
                part, folder / centre / f"{name}_synthetic.csv", encoding=encoding, separator=";", bom=bom
            )


def _number() -> pl.Expr:
    """Centre numbers with leading zeros, as text: the digits after the dash."""
    return pl.col("patient").str.split("-").list.last().str.zfill(4)


def _patient_columns() -> dict[str, pl.Expr]:
    columns: dict[str, pl.Expr] = {
        "číslo_pacienta": _number(),
        "syntetická_data": pl.lit("ano"),
        "pohlaví": coded("sex", {"M": "muž", "F": "žena"}),
        "rok_narození": pl.col("birth_year").dt.year(),
        "věk": pl.col("age"),
        "hmotnost_kg": comma("weight"),
        "datum_diagnózy": dated("diagnosis_date", DOTTED),
        "zahájení_léčby": dated("start", DOTTED),
        "leukocyty_10e9_l": comma("wbc"),
        "blasty_KD_procent": comma("blasts"),
        "datum_KD_den11": dated("blasts_day11_date", DOTTED),
        "blasty_KD_den11_procent": comma("blasts_day11"),
        "imunofenotyp": pl.col("immunophenotype"),
        "karyotyp": coded("karyotype", KARYOTYPES),
        "BCR_ABL1": pl.lit("negativní"),
        "IKZF1plus": coded("ikzf1plus", YES_NO),
        "Ph_like": coded("ph_like", YES_NO),
        "CNS": pl.col("cns"),
        "IGTR_cíl": coded("igtr", YES_NO).fill_null("NA"),
        "hodnotitelný": coded("evaluable", YES_NO),
        "blina_zahájení": dated("blina_start", DOTTED),
        "blina_ukončení": dated("blina_end", DOTTED),
        "dávka_počáteční_ug_den": pl.col("dose_start"),
        "dávka_cílová_ug_den": pl.col("dose_target"),
        "datum_zvýšení_dávky": dated("step_date", DOTTED),
    }
    for number in (1, 2):
        columns[f"přerušení{number}_od"] = dated(f"interruption_{number}_start", DOTTED)
        columns[f"přerušení{number}_do"] = dated(f"interruption_{number}_end", DOTTED)
        columns[f"přerušení{number}_důvod"] = pl.col(f"interruption_{number}_reason")
    for number in (1, 2):
        columns[f"blina_MRD{number}_zahájení"] = dated(f"mrd_course_{number}_start", DOTTED)
        columns[f"blina_MRD{number}_ukončení"] = dated(f"mrd_course_{number}_end", DOTTED)
    return columns | {
        "datum_hodnocení": dated("response_date", DOTTED),
        "blasty_KD_hodnocení_procent": comma("response_blasts"),
        "neutrofily_hodnocení_10e9_l": comma("response_anc"),
        "trombocyty_hodnocení_10e9_l": pl.col("response_platelets"),
        "odpověď": coded("response", {"CR": "kompletní remise", "refractory": "refrakterní"}),
        "datum_regenerace": dated("recovery_date", DOTTED),
        "datum_události": dated("event_date", DOTTED),
        "typ_události": coded("event_kind", EVENTS),
        "datum_transplantace": dated("hsct_date", DOTTED),
        "datum_odstoupení": dated("withdrawal_date", DOTTED),
        "stav": pl.when(pl.col("death_date").is_null()).then(pl.lit("žije")).otherwise(pl.lit("zemřel/a")),
        "datum_úmrtí": dated("death_date", DOTTED),
        "příčina_úmrtí": coded("death_cause", DEATH_CAUSES),
        "poslední_kontakt": dated("last_contact", DOTTED),
        "poznámka": pl.col("remark"),
    }


def _mrd_columns() -> dict[str, pl.Expr]:
    return {
        "číslo_pacienta": _number(),
        "datum_odběru": dated("date", DOTTED),
        "týden": coded("timepoint", TIMEPOINTS),
        "materiál": pl.lit("kostní dřeň"),
        "metoda": coded("method", {"qPCR": "IG/TR qPCR", "NGS": "NGS"}),
        "citlivost": coded("sensitivity", {"1e-4": "0,0001", "5e-5": "0,00005", "1e-5": "0,00001"}),
        "výsledek": pl.coalesce(
            pl.lit("0,")
            + (pl.col("value") * 100_000)
            .round(0)
            .cast(pl.Int64)
            .cast(pl.String)
            .str.zfill(5)
            .str.strip_chars_end("0"),
            pl.col("result").replace(RESULTS),
        ),
        "poznámka": pl.col("remark"),
        "syntetická_data": pl.lit("ano"),
    }


def _event_columns() -> dict[str, pl.Expr]:
    return {
        "číslo_pacienta": _number(),
        "nežádoucí_účinek": coded("term", TERMS),
        "stupeň": pl.col("grade"),
        "začátek": dated("start", DOTTED),
        "konec": dated("end", DOTTED),
        "poznámka": pl.col("remark"),
        "syntetická_data": pl.lit("ano"),
    }


def _laboratory_columns() -> dict[str, pl.Expr]:
    return {
        "číslo_pacienta": _number(),
        "datum": dated("date", DOTTED),
        "vyšetření": pl.col("analyte"),
        "hodnota": comma("value"),
        "jednotka": pl.col("unit"),
        "syntetická_data": pl.lit("ano"),
    }
