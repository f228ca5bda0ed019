"""See `_recurrent`."""
from _recurrent import run

run("gru")
