"""Corruptions of a table of texts, whatever file it stands in: what hands and scripts do to cells."""

from __future__ import annotations

from random import Random

Table = list[list[str]]
"""The header first."""

STRANGE = (
    *("", " ", "\t", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u202e1234", "\x1c", "\x7f", "\x85"),
    *(
        "NA",
        "NULL",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "None",
        "#N/A",
        "#REF!",
        "N/A",
        ".",
        "-",
        "?",
        "未知",
        "-999",
    ),
    *("1e999", "-1e999", "1e-999", "9" * 400, "0x1F", "1_000", "1,2,3", "1.2.3", "1 000,5", "١٢٣", "１２３"),
    *("½", "+", "--1", "1e", ".e1", "<", "<<1", "≤", "%", "5 %", "< 0,01 %", "1/0", "=1+1", "=HYPERLINK(1)"),
    *("@SUM(A1)", "+cmd|'/c calc'!A0", "0000-00-00", "31.02.2021", "2021-02-29", "32.13.2020", "99999-12-31"),
    *(
        "0001-01-01",
        "9999-12-31",
        "31.12.9999",
        "2021-13-01T25:61:61",
        "2021-03-28T02:30:00",
        "-1",
        "60",
        "0",
    ),
    *(
        "45000",
        "45000.5",
        "2958466",
        "1e5",
        "１月",
        "2023年1月5日",
        "1. 5. 2023",
        "Feb 30",
        "23/1/5",
        "01/02/03",
    ),
    *('"', '""', '"""', "'", 'a"b', '"a', "a\nb", "a\r\nb", "\r", "\n", "\\", "\\n", "\\N", ";", ",", "\t|"),
    *(
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "%s%n",
        "${jndi:x}",
        "'; DROP TABLE patient; --",
        "../../etc",
    ),
    *("😀", "𠜎", "e\u0301" * 50, "Ǆ", "ß", "İ", "ﬃ", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "田" * 300),
)
"""Texts that have broken a program somewhere."""

RESERVED = ("_row", "_i", "_key", "_patient", "_scope", "_study", "_here", "literal", "text", "value", "id")
"""Names that allpool or its frame library might hold for their own."""


def swap_cells(random: Random, table: Table) -> Table:
    """Let cells change places."""
    for _ in range(random.choice((1, 5, 50))):
        one, two = _place(random, table), _place(random, table)
        a, b = table[one[0]][one[1]], table[two[0]][two[1]]
        table[one[0]][one[1]], table[two[0]][two[1]] = b, a
    return table


def shuffle_columns(random: Random, table: Table) -> Table:
    """Put the columns in another order, with their names or without."""
    order = random.sample(range(len(table[0])), len(table[0]))
    if random.random() < 0.5:
        return [[row[i] for i in order if i < len(row)] for row in table]
    return [table[0], *([row[i] for i in order if i < len(row)] for row in table[1:])]


def shuffle_rows(random: Random, table: Table) -> Table:
    """Put the rows in another order, now and then the header too."""
    first = 0 if random.random() < 0.3 else 1
    return [*table[:first], *random.sample(table[first:], len(table) - first)]


def strange_cells(random: Random, table: Table) -> Table:
    """Write texts that break programs."""
    for _ in range(random.choice((1, 5, 40))):
        row, column = _place(random, table, header=random.random() < 0.1)
        table[row][column] = random.choice(STRANGE)
    return table


def strange_column(random: Random, table: Table) -> Table:
    """Write one such text down a whole column."""
    column, text = random.randrange(len(table[0])), random.choice(STRANGE)
    return [table[0], *([*row[:column], text, *row[column + 1 :]] for row in table[1:])]


def giant_cell(random: Random, table: Table) -> Table:
    """Let one cell be far too long."""
    row, column = _place(random, table, header=random.random() < 0.1)
    table[row][column] = random.choice(("x", "1", "田", " ", "a b")) * random.choice(
        (32_768, 200_000, 600_000)
    )
    return table


def duplicate_header(random: Random, table: Table) -> Table:
    """Call two columns the same."""
    names = table[0]
    source = random.choice(names)
    for _ in range(random.choice((1, 3))):
        names[random.randrange(len(names))] = random.choice((source, f" {source}\n", source.upper()))
    return table


def strange_header(random: Random, table: Table) -> Table:
    """Call columns what no column should be called."""
    for _ in range(random.choice((1, 2, len(table[0])))):
        table[0][random.randrange(len(table[0]))] = random.choice(
            (*RESERVED, *STRANGE, "column_1", "column_2", "patients.x")
        )
    return table


def lose_column(random: Random, table: Table) -> Table:
    """Leave out columns."""
    gone = set(random.sample(range(len(table[0])), random.choice((1, min(3, len(table[0]))))))
    return [[cell for i, cell in enumerate(row) if i not in gone] for row in table]


def more_columns(random: Random, table: Table) -> Table:
    """Add columns, named or not, few or thousands."""
    more = random.choice((1, 2, 30, 3000))
    named = random.random() < 0.6
    names = [f"extra {number}" if named else "" for number in range(more)]
    return [[*table[0], *names], *([*row, *(["x"] * more)] for row in table[1:])]


def more_rows(random: Random, table: Table) -> Table:
    """Say rows again, many times."""
    chosen = [random.choice(table[1:] or table) for _ in range(random.choice((1, 20, 3000)))]
    return [*table, *chosen]


def ragged_rows(random: Random, table: Table) -> Table:
    """Let rows be longer or shorter than the header."""
    for _ in range(random.choice((1, 4))):
        at = random.randrange(len(table))
        row = table[at]
        table[at] = row + ["x"] * random.choice((1, 3)) if random.random() < 0.5 else row[: len(row) // 2]
    return table


def blank_rows(random: Random, table: Table) -> Table:
    """Put empty rows between others, or nothing but the header."""
    if random.random() < 0.2:
        return table[:1]
    for _ in range(random.choice((1, 10))):
        blank = random.choice(([], [""] * len(table[0]), [" "] * len(table[0]), ["\u3000"] * len(table[0])))
        table.insert(random.randrange(len(table) + 1), list(blank))
    return table


def header_elsewhere(random: Random, table: Table) -> Table:
    """Write a title above the header, or lose the header."""
    if random.random() < 0.4:
        return table[1:] or table
    return [["Export of the database", *[""] * (len(table[0]) - 1)], *table]


def one_patient(random: Random, table: Table) -> Table:
    """Say that all rows are of one patient."""
    if len(table) < 2:
        return table
    first = table[1][0] if table[1] else ""
    return [table[0], *([first, *row[1:]] for row in table[1:])]


def _place(random: Random, table: Table, *, header: bool = False) -> tuple[int, int]:
    rows = [i for i, row in enumerate(table) if row and (header or i > 0)] or [0]
    row = random.choice(rows)
    if not table[row]:
        table[row].append("")
    return row, random.randrange(len(table[row]))


ALL = (
    swap_cells,
    shuffle_columns,
    shuffle_rows,
    strange_cells,
    strange_column,
    giant_cell,
    duplicate_header,
    strange_header,
    lose_column,
    more_columns,
    more_rows,
    ragged_rows,
    blank_rows,
    header_elsewhere,
    one_patient,
)
