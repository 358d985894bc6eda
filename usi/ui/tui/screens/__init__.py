"""Whole screens: they compose widgets, and pass on what widgets say and what the peer tells."""
