# SPDX-License-Identifier: MIT
"""Guests of a few instructions, as the bytes an assembler would give."""
import gzip

import tap


def say(text):
    """mov $c, %al; out %al, $0xe9 for each character: the same bytes in every mode."""
    return b"".join(bytes([0xB0, c, 0xE6, 0xE9]) for c in text.encode())


def debug_exit(value):
    return bytes([0xB0, value, 0xE6, 0xF4, 0xF4])  # mov, out %al, $0xf4, hlt


def exit_call(status):
    """64- and 32-bit: mov $status, %eax; mov $0x5e0, %dx; out %eax, %dx; hlt"""
    return b"\xb8" + status.to_bytes(4, "little") + b"\x66\xba\xe0\x05\xef\xf4"


def mark(name):
    """64- and 32-bit: mov $0x5e4, %dx; for each 4 bytes of the name and its end mov $word, %eax; out %eax, %dx"""
    data = name.encode() + bytes(4 - len(name) % 4)
    words = [data[i:i + 4] for i in range(0, len(data), 4)]
    return b"\x66\xba\xe4\x05" + b"".join(b"\xb8" + w + b"\xef" for w in words)


HLT = b"\xf4"
STI_HLT = b"\xfb\xf4"
UD2 = b"\x0f\x0b"
LOOP = b"\xeb\xfe"
RESET = b"\xb0\xfe\xe6\x64\xf4"  # mov $0xfe, %al; out %al, $0x64; hlt
RESET_CF9 = b"\xba\xf9\x0c\x00\x00\xb0\x06\xee\xf4"  # 32 and 64 bit: mov $0xcf9, %edx; mov $6, %al; out %al, %dx; hlt
TRIPLE = b"\x0f\x01\x1c\x25\x00\x20\x10\x00\x0f\x0b"  # 64 bit: lidt 0x102000 (zeros); ud2
# 64 bit: the serial port's bytes back to 0xe9 until the first q:
# l: mov $0x3fd, %edx; in %dx, %al; test $1, %al; jz l; mov $0x3f8, %edx; in %dx, %al; cmp $'q', %al; jz e;
# out %al, $0xe9; jmp l; e: hlt
ECHO = bytes.fromhex("bafd030000 ec a801 74f6 baf8030000 ec 3c71 7404 e6e9 ebe8 f4".replace(" ", ""))


def bzimage(code):
    """A Linux kernel in a bzImage (Linux Documentation/arch/x86/boot.rst, protocol 2.15), packed by gzip: this code, at 2 MiB."""
    payload = gzip.compress(tap.elf64([(0x200000, code, 0x1000)], entry=0x200000), mtime=0)
    head = bytearray(1024)
    for at, size, value in ((0x1f1, 1, 1), (0x1fe, 2, 0xaa55), (0x200, 2, 0x66eb), (0x202, 4, 0x53726448), (0x206, 2, 0x20f),
                            (0x22c, 4, 0x7fffffff), (0x230, 4, 0x200000), (0x234, 1, 1), (0x236, 2, 1), (0x238, 4, 2047),
                            (0x248, 4, 0x240), (0x24c, 4, len(payload)), (0x258, 8, 0x200000), (0x260, 4, 0x10000)):
        head[at:at + size] = value.to_bytes(size, "little")
    return bytes(head) + bytes(0x240) + payload
