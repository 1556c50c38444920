"""A server, and programs in a terminal that a test looks at: a real pseudo-terminal, and an emulator that draws what they print."""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

import pyte

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = str(ROOT / os.environ.get("LONGSHORE_BIN", "target/debug/longshore"))
PATIENCE = 30


def environment(**extra):
    """Nothing of the developer's own settings."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "TERM": "xterm-256color", **extra}


class Server:
    """Both tiers, with agents that a test needs. May be killed and started again on the same ports."""

    def __init__(self, *agents):
        self.directory = tempfile.TemporaryDirectory()
        self.agents = [f"--agent={agent}" for agent in agents]
        self.ports = [0, 0]
        self.start()

    def start(self):
        ports = [f"--controller-port={self.ports[0]}", f"--manager-port={self.ports[1]}"]
        command = [BINARY, "up", "--json", "--no-detect", "--viewer-grace=1", f"--data-dir={self.data}", *ports, *self.agents]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), text=True)
        self.info = json.loads(self.process.stdout.readline())
        self.ports = [int(self.info[tier].rsplit(":", 1)[1]) for tier in ("controller", "manager")]

    @property
    def data(self):
        return self.directory.name

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.directory.cleanup()
        assert status == 0, f"the server ended with {status}"

    def run(self, *args, text=None):
        """Runs a command of the command line to its end."""
        command = [BINARY, *args, f"--data-dir={self.data}"]
        return subprocess.run(command, input=text, capture_output=True, text=True, env=environment(), timeout=PATIENCE)


class Terminal:
    """A program in a terminal."""

    def __init__(self, args, columns=80, rows=24, **env):
        self.screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.001)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execve(args[0], args, environment(**env))
            finally:
                os._exit(127)
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def lines(self):
        """All lines, those that have left the screen as well."""
        # A wide character is followed by an empty cell.
        above = ["".join(line[column].data for column in range(self.screen.columns)) for line in self.screen.history.top]
        shown = [line.rstrip() for line in above + list(self.screen.display)]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def text(self):
        return "\n".join(self.lines())

    def read(self, patience):
        """Reads what is there, and says whether there may be more."""
        ready, _, _ = select.select([self.fd], [], [], max(patience, 0))
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def until(self, condition):
        """Waits until a text is there, or a condition of this terminal holds."""
        holds = condition if callable(condition) else lambda terminal: condition in terminal.text()
        end = time.monotonic() + PATIENCE
        while not holds(self):
            left = end - time.monotonic()
            if not self.read(left) and not holds(self) or left < 0:
                raise AssertionError(f"waited in vain for {condition!r}; there is:\n{self.text()}\n{self.raw[-600:]!r}")
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def ended(self):
        """Waits until the program has ended; gives its status."""
        end = time.monotonic() + PATIENCE
        while self.read(end - time.monotonic()) and time.monotonic() < end:
            pass
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def is_raw(self):
        """Whether keys reach the program as they are pressed."""
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
