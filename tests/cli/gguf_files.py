"""GGUF files, read and written byte by byte: what tests change in a tiny model. Standard library only."""

import struct

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TEXT, ARRAY = 8, 9
ALIGNMENT = 32


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def number(value):
    return struct.pack("<II", 4, value)


def string(value):
    return struct.pack("<I", TEXT) + text(value)


def flag(value):
    return struct.pack("<IB", 7, value)


class Gguf:
    """keys: name -> type and payload as in the file; tensors: (name, dimensions, type, bytes)."""

    def __init__(self, path):
        self.data = path.read_bytes()
        self.at = 4
        _, n_tensors, n_keys = self.take("<IQQ")
        self.keys = {}
        for _ in range(n_keys):
            name = self.take_text()
            start = self.at
            self.skip(self.take("<I")[0])
            self.keys[name.decode()] = self.data[start:self.at]
        infos = []
        for _ in range(n_tensors):
            name = self.take_text()
            (n_dims,) = self.take("<I")
            infos.append((name, self.take(f"<{n_dims}Q"), *self.take("<IQ")))
        start = -(-self.at // ALIGNMENT) * ALIGNMENT
        ends = sorted([offset for *_, offset in infos[1:]] + [len(self.data) - start])
        self.tensors = [(name, dims, kind, self.data[start + offset:start + min(e for e in ends if e > offset)])
                        for name, dims, kind, offset in infos]

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def take_text(self):
        (length,) = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def skip(self, kind):
        if kind == TEXT:
            self.take_text()
        elif kind == ARRAY:
            element, count = self.take("<IQ")
            for _ in range(count if element == TEXT else 0):
                self.take_text()
            self.at += SCALARS.get(element, 0) * count
        else:
            self.at += SCALARS[kind]

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        for name, payload in self.keys.items():
            head += text(name) + payload
        data = b""
        for name, dims, kind, content in self.tensors:
            head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, len(data))
            data = padded(data + content)
        path.write_bytes(padded(head) + data)
        return path


def edit(source, target, change=None, drop=()):
    """A copy with other metadata."""
    model = Gguf(source)
    for name in drop:
        del model.keys[name]
    model.keys.update(change or {})
    return model.write(target)


def split(source, folder, stem, n_tensors, first_is_empty):
    """The parts of a model, as llama-gguf-split makes them; returns the path of the first."""
    whole = Gguf(source)
    groups = [whole.tensors[i:i + n_tensors] for i in range(0, len(whole.tensors), n_tensors)]
    if first_is_empty:
        groups.insert(0, [])
    for i, group in enumerate(groups):
        part = Gguf(source)
        part.keys = (dict(whole.keys) if i == 0 else {}) | {
            "split.no": struct.pack("<IH", 2, i), "split.count": struct.pack("<IH", 2, len(groups)),
            "split.tensors.count": struct.pack("<Ii", 5, len(whole.tensors))}
        part.tensors = group
        part.write(folder / f"{stem}-{i + 1:05}-of-{len(groups):05}.gguf")
    return folder / f"{stem}-00001-of-{len(groups):05}.gguf"
