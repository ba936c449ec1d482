"""From the resource tables to adsl, adrs, adtte, adfact, adex, adae and admrd."""
