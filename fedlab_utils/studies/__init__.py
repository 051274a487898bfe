"""Measurements too long for a lesson, recorded with what made them."""
