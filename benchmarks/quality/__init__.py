"""How many planted errors the night finds at the right cell, by kind, and how often it cries wolf."""
