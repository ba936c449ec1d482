"""How many planted errors of how many kinds the night finds at the right cell, and how often it cries wolf."""
