"""Where: the study area, its cells, and the way between them."""

from allocator.domain.space.area import Area, dissolved
from allocator.domain.space.lattice import Lattice
from allocator.domain.space.neighbours import Adjacency
from allocator.domain.space.tessellation import Tessellation
from allocator.domain.space.travel import Streets, Travel

__all__ = ["Adjacency", "Area", "Lattice", "Streets", "Tessellation", "Travel", "dissolved"]
