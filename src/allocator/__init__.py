"""Forecast where harm is expected, assign patrol and outreach under staffing limits, and measure the plan.

Names are loaded on first use, so that `import allocator` and the command line start at once. The one list of them is
the stub beside this file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
