"""Stores: where snapshots live, behind one port."""
