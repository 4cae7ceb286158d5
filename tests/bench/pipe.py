"""`nocturne advise` of the release build (or of $NOCTURNE_BIN), asked a line at a time."""
import json
import os
import subprocess
from pathlib import Path

PROGRAM = Path(os.environ.get("NOCTURNE_BIN", Path(__file__).resolve().parents[2] / "build/release/bin")) / "nocturne"


class Pipe:
    def __init__(self, *args):
        self.process = subprocess.Popen([PROGRAM, "advise", *args], text=True, bufsize=1, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def say(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{request}: {answer}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
