"""From the resource tables to adsl, adrs, adtte, adae and admrd."""
