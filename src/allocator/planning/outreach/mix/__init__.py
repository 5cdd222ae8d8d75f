"""How often each option is held."""

from allocator.planning.outreach.mix.mixer import Mixer, counts_of, without
from allocator.planning.outreach.mix.program import Mix, MixProgram, with_tangents

__all__ = ["Mix", "MixProgram", "Mixer", "counts_of", "with_tangents", "without"]
