"""The CSV templates of the mCODE extraction framework, mapped, and compared with the bundles it expects."""
