"""A name server in a hundred lines: what it answers to A and AAAA is in `support_attacks.NAMES`."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections import Counter

from tests.support.attacks import NAMES

KINDS = {1: 4, 28: 6}  # A and AAAA: the version of their addresses
NO_SUCH_NAME = 3


def addresses_of(name: str, turn: int) -> list[str] | None:
    """What a name leads to when it is asked for the n-th time; None for a name that is none."""
    answers = NAMES.get(name.lower().rstrip("."))
    return answers[min(turn, len(answers) - 1)] if answers else None


class NameServer:
    """Answers on a UDP socket, and keeps count of how often it was asked for what."""

    def __init__(self, host: str, port: int = 53) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._asked: Counter[tuple[str, int]] = Counter()

    def start(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(question), client)

    def _answer(self, message: bytes) -> bytes:
        name, end = _read_name(message)
        (kind,) = struct.unpack_from(">H", message, end)
        turn = self._asked[name, kind]
        self._asked[name, kind] += 1
        addresses = addresses_of(name, turn)
        packed = [
            parsed.packed
            for parsed in map(ipaddress.ip_address, addresses or [])
            if parsed.version == KINDS.get(kind)
        ]
        code = NO_SUCH_NAME if addresses is None else 0
        head = message[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(packed), 0, 0)
        records = [
            struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(address)) + address for address in packed
        ]
        return head + message[12 : end + 4] + b"".join(records)


def _read_name(message: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), at + 1
