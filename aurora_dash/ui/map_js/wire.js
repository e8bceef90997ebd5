// What travels from figures/raster/wire.py: a head in JSON, and blocks of numbers by name.

const TYPES = {
  u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array,
};

// By the key of the maps; on the window, so that maps that leave the page and come back hold them.
const stores = (globalThis.auroraDashMapBlocks ??= new Map());

function received(data) {
  const length = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  if (!stores.has(head.key)) stores.set(head.key, new Map());
  const blocks = stores.get(head.key);
  let at = 4 + length;
  for (const [name, kind, size] of head.blocks) {
    at += -at & 7;
    // A copy, because typed arrays want their bytes aligned in memory.
    const from = data.byteOffset + at;
    blocks.set(name, new TYPES[kind](data.buffer.slice(from, from + size)));
    at += size;
  }
  const keep = new Set(head.keep);
  for (const name of blocks.keys()) if (!keep.has(name)) blocks.delete(name);
  return { head, blocks, isWhole: head.keep.every((name) => blocks.has(name)) };
}
