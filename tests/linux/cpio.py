# SPDX-License-Identifier: MIT
"""An initrd: Linux Documentation/driver-api/early-userspace/buffer-format.rst, "newc"."""
import os
import stat


def entry(name, mode, data=b"", device=(0, 0), inode=0):
    raw = name.encode() + b"\0"
    head = b"070701" + b"".join(b"%08X" % v for v in (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0))
    out = head + raw
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def make(files):
    """name: None for a directory, bytes, the path of a file to copy, or (major, minor) of a character device."""
    out = b""
    for inode, (name, what) in enumerate(files.items(), 1):
        if what is None:
            out += entry(name, stat.S_IFDIR | 0o755, inode=inode)
        elif isinstance(what, tuple):
            out += entry(name, stat.S_IFCHR | 0o600, device=what, inode=inode)
        else:
            if isinstance(what, str):
                with open(os.path.realpath(what), "rb") as f:
                    what = f.read()
            out += entry(name, stat.S_IFREG | 0o755, what, inode=inode)
    return out + entry("TRAILER!!!", 0)
