"""The account of a feed's files: what became of every cell, once its rows are published."""

from __future__ import annotations

from typing import Final

import polars as pl

from allpool.errors import BrokenRuleError
from allpool.etl import operations
from allpool.etl.delivery import Delivery
from allpool.etl.publish import Published
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.transform import Harmonised
from allpool.models import LANDED

VERDICTS: Final = {
    "inserted": Verdict.LOADED,
    "updated": Verdict.LOADED,
    "unchanged": Verdict.UNCHANGED,
    "conflict": Verdict.HELD,
}
"""What publishing made of a row -> verdict on the cells behind it."""


def settled(delivery: Delivery, harmonised: Harmonised, published: Published) -> dict[str, Account]:
    """Return the account of every file; a sum that does not hold is a bug and stops the night."""
    outcomes = {
        str(table): rows.select(
            "id", verdict=pl.col("outcome").cast(pl.String).replace_strict(VERDICTS, return_dtype=pl.UInt8)
        )
        for (table,), rows in published.outcomes.partition_by("table", as_dict=True).items()
    }
    found: list[tuple[str, str, Account]] = []
    for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
        account = ledger.settle(outcomes).with_reader(blank=file.blank_cells, lost=file.lost_cells)
        found.append((operations.file_name(file.frame.file, file.frame.sheet), file.frame.source, account))
    landed = {id_: Verdict(verdict) for id_, verdict in outcomes.get(LANDED.name, pl.DataFrame()).iter_rows()}
    found += [(file.facts.path, file.plan.source, file.account(landed)) for file in delivery.landing.files]
    accounts: dict[str, Account] = {}
    for name, source, account in found:
        if not account.balanced:
            raise BrokenRuleError(
                f"{name}: the cells do not add up: {account.read} read, but "
                f"{account.loaded} loaded, {account.unchanged} unchanged, {account.quarantined} quarantined, "
                f"{account.ignored} ignored, {account.empty} empty"
            )
        accounts[f"{name} as {source}" if name in accounts else name] = account
    return accounts
