"""What the public estimators are made of: pure functions over arrays, checked at the door."""
