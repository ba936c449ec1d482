"""Coverage of intervals and size of tests in studies as small as the consortium's; all data are simulated."""
