from ._version import __version__ as __version__
from .archive import *
from .client import *
from .clock import Clock as Clock
from .clock import SystemClock as SystemClock
from .errors import *
from .fetch import *
from .handle import *
from .interop import new_job as new_job
from .many import *
from .plots import *
from .records import *
from .study import *
from .submit import *
from .transport import *
from .waiting import Pace as Pace
from .waiting import PollPolicy as PollPolicy
from .waiting import ProgressBar as ProgressBar
from .wire.api import decode_jobs as decode_jobs
from .wire.api import encode_jobs as encode_jobs
from .wire.request import Request as Request
from .wire.request import Response as Response
from .wire.request import Secret as Secret
