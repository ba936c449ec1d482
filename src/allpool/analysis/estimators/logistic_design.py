"""The columns of a logistic model: one intercept per stratum, then the covariates, centred and scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from allpool.analysis.estimators.arrays import BoolArray, FloatArray, IntArray
from allpool.analysis.estimators.information import dependent_columns
from allpool.errors import AnalysisError

INTERCEPT = "(intercept)"


@dataclass(frozen=True, eq=False)
class Subjects:
    """Outcomes, covariates (a column per term), strata numbered from 0, and clusters, one row per subject."""

    terms: tuple[str, ...]
    covariate: FloatArray
    happened: BoolArray
    stratum: IntArray
    stratified: bool
    cluster: IntArray | None

    @property
    def intercepts(self) -> int:
        """How many strata there are."""
        return int(self.stratum.max()) + 1

    @property
    def events(self) -> int:
        """How many outcomes happened."""
        return int(self.happened.sum())

    @property
    def first_shown(self) -> int:
        """The first coefficient that is a result: the intercepts of strata are not."""
        return self.intercepts if self.stratified else 0

    @property
    def shown_terms(self) -> tuple[str, ...]:
        """The names of the coefficients that are results."""
        return self.terms if self.stratified else (INTERCEPT, *self.terms)

    def among(self, rows: BoolArray) -> Subjects:
        """Return the subjects chosen, strata numbered anew."""
        return replace(
            self,
            covariate=self.covariate[rows],
            happened=self.happened[rows],
            stratum=np.unique(self.stratum[rows], return_inverse=True)[1],
            cluster=None if self.cluster is None else self.cluster[rows],
        )


@dataclass(frozen=True, eq=False)
class ScaledDesign:
    """Columns `X` fit for computing; `back` @ their coefficients are those of the columns as given."""

    X: FloatArray
    back: FloatArray


def scaled_design(subjects: Subjects) -> ScaledDesign:
    """Centre and scale the covariates beside the intercepts.

    Raises
    ------
    AnalysisError
        a covariate that is constant, or a combination of strata and other covariates.
    """
    k = subjects.intercepts
    mean, spread = subjects.covariate.mean(axis=0), subjects.covariate.std(axis=0)
    flat = np.ptp(subjects.covariate, axis=0) == 0
    if flat.any():
        names = ", ".join(subjects.terms[j] for j in np.flatnonzero(flat))
        raise AnalysisError(f"covariate {names} does not vary among the subjects; leave it out")
    X = np.column_stack((np.eye(k)[subjects.stratum], (subjects.covariate - mean) / spread))
    aliased = [subjects.terms[j - k] for j in dependent_columns(X.T @ X) if j >= k]
    if aliased:
        others = "strata and the covariates" if subjects.stratified else "covariates"
        raise AnalysisError(
            f"covariate {', '.join(aliased)} is a combination of the {others} before it; leave it out"
        )
    back = np.diag(np.concatenate((np.ones(k), 1 / spread)))
    back[:k, k:] = -mean / spread
    return ScaledDesign(X=X, back=back)
