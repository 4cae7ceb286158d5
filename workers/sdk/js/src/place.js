// SPDX-License-Identifier: MIT
// Where a unit stands: SHA-256 [FIPS 180-4], at once and everywhere (crypto.subtle answers later, node:crypto is Node's).

export const SALT_MAX = 128, UNIT_MAX = 1024; // bytes

const utf8 = new TextEncoder();
export const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

// Fractional parts of roots of the first primes, exactly: of so many bits that floating point is no question.
const primes = [];
for (let p = 2; primes.length < 64; p++) if (primes.every((q) => p % q)) primes.push(p);

function root(n, k, bits) {
  let low = 0n;
  for (let bit = 1n << BigInt(bits + 4); bit; bit >>= 1n) if ((low | bit) ** BigInt(k) <= BigInt(n) << BigInt(k * bits)) low |= bit;
  return Number(low & 0xffffffffn) | 0;
}

const K = Int32Array.from(primes, (p) => root(p, 3, 32));
const START = Int32Array.from(primes.slice(0, 8), (p) => root(p, 2, 32));
// Used anew by each call, which no other can interrupt.
const W = new Int32Array(64), H = new Int32Array(8);
const TEXT = new Uint8Array((((SALT_MAX + 1 + UNIT_MAX + 8) >> 6) + 1) << 6), VIEW = new DataView(TEXT.buffer);

function compress(h, at) {
  for (let i = 0; i < 16; i++) W[i] = VIEW.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16] + s + W[i - 7] + t) | 0;
  }
  let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
  for (let i = 0; i < 64; i++) {
    const s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const x = (k + s + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const t = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const y = (t + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    k = g, g = f, f = e, e = (d + x) | 0, d = c, c = b, b = a, a = (x + y) | 0;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
}

/** Bytes of a unit; throws: it is empty, longer than 1,024 bytes, or no text (a NUL is none). */
export function unitBytes(unit) {
  if (typeof unit !== "string" || lone.test(unit) || unit.includes("\0")) throw new TypeError("a unit is a text without a NUL");
  const bytes = utf8.encode(unit);
  if (!bytes.length || bytes.length > UNIT_MAX) throw new RangeError(`a unit is a text of 1 to ${UNIT_MAX} bytes, not of ${bytes.length}`);
  return bytes;
}

/** Bytes of a salt and its colon. */
export function saltBytes(salt) {
  if (typeof salt !== "string" || salt.includes(":") || lone.test(salt)) throw new TypeError("a salt is a text without a colon");
  const bytes = utf8.encode(`${salt}:`);
  if (bytes.length > SALT_MAX + 1) throw new RangeError(`a salt has at most ${SALT_MAX} bytes`);
  return bytes;
}

export function placeOf(salt, unit) {
  const n = salt.length + unit.length, all = (((n + 8) >> 6) + 1) << 6;
  TEXT.set(salt);
  TEXT.set(unit, salt.length);
  TEXT.fill(0, n, all);
  TEXT[n] = 0x80;
  VIEW.setUint32(all - 4, 8 * n);
  H.set(START);
  for (let at = 0; at < all; at += 64) compress(H, at);
  return ((H[0] >>> 0) * 2 ** 20 + (H[1] >>> 12)) / 2 ** 52;
}

/** In [0, 1): the first 13 hexadecimal digits of SHA-256("SALT:UNIT") over 2^52. Throws: no salt, no unit. */
export function place(salt, unit) {
  return placeOf(saltBytes(salt), unitBytes(unit));
}
