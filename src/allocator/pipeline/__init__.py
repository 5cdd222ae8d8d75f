"""From a job to an answer: the only floor that knows the order of the stages."""

from allocator.pipeline.old import *
from allocator.pipeline.replan import replan as replan
