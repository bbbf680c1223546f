"""All probes by name."""

from fuzz import containers, pictures, texts

PROBES = {probe.name: probe for family in (pictures, texts, containers) for probe in family.PROBES}
