"""Progress bars that a log can hold."""

import sys
from functools import partial

from tqdm import tqdm

bar = partial(tqdm, mininterval=0.5 if sys.stderr.isatty() else 60)
