"""Doors for machines: JSON, CBOR and notes in and out. People's pages are next door (web/pages)."""
