// Tiles of one layer: asked for one after another, nearest to the centre first, and forgotten when they left the view.

import { ancestor, keyOf } from "./view.js";

const AT_A_TIME = 2; // one is computed while the next one waits
export const KEPT = 500; // of a layer: 64 KB each, and as much again painted; a panel shows some 50, half at most
export const COARSER = [3, 1]; // levels: first tiles that cover 64, where nothing is there yet, then such that cover 4
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 8000;

export class TileStore {
  /**
   * path: of the layer's tiles.  decode: what becomes of a response.  coarser: how many levels above a tile to ask
   * first, where nothing is there yet.  changed: called after anything came or went.
   */
  constructor(path, decode, coarser, changed) {
    this.path = path;
    this.decode = decode;
    this.coarser = coarser;
    this.changed = changed;
    this.tiles = new Map(); // in the order of their last use
    this.flying = new Map();
    this.wanted = [];
    this.failure = null; // why the layer computes no tiles
    this.unreachable = false;
    this.resting = false; // after the server did not answer
    this.rest_ms = RETRY_MS;
  }

  get busy() {
    return !this.unreachable && (this.flying.size > 0 || this.wanted.length > 0);
  }

  get(tile) {
    const key = keyOf(tile);
    const found = this.tiles.get(key);
    if (found !== undefined) {
      this.tiles.delete(key);
      this.tiles.set(key, found);
    }
    return found;
  }

  /** The tile, or the closest one that contains it; `steps` levels above. */
  closest(tile) {
    for (let steps = 0; steps <= tile.level; steps++) {
      const found = this.get(ancestor(tile, steps));
      if (found !== undefined) return { value: found, tile: ancestor(tile, steps), steps };
    }
    return null;
  }

  /** Ask for these and nothing else: requests for others are called off. */
  want(tiles) {
    const missing = tiles.filter((tile) => !this.tiles.has(keyOf(tile)));
    const found = missing.map((tile) => this.closest(tile)?.steps ?? Infinity);
    const coarse = new Map();
    for (const steps of this.coarser) {
      for (const tile of missing.filter((_, i) => found[i] > steps)) {
        const above = ancestor(tile, Math.min(steps, tile.level));
        coarse.set(keyOf(above), above);
      }
    }
    this.wanted = [...coarse.values(), ...missing];
    const keys = new Set(this.wanted.map(keyOf));
    for (const [key, controller] of this.flying) if (!keys.has(key)) controller.abort();
    this.pump();
  }

  retry() {
    this.failure = null;
    this.pump();
  }

  pump() {
    const most = this.unreachable ? 1 : AT_A_TIME;
    while (this.failure === null && !this.resting && this.flying.size < most && this.wanted.length) {
      const tile = this.wanted.shift();
      const key = keyOf(tile);
      if (!this.tiles.has(key) && !this.flying.has(key)) this.fetch(tile, key);
    }
  }

  /** The server did not answer: ask for nothing for a while, for twice as long each time. */
  rest() {
    this.unreachable = true;
    if (this.resting) return;
    this.resting = true;
    setTimeout(() => {
      this.resting = false;
      this.pump();
    }, this.rest_ms);
    this.rest_ms = Math.min(2 * this.rest_ms, LONGEST_RETRY_MS);
  }

  async fetch(tile, key) {
    const controller = new AbortController();
    this.flying.set(key, controller);
    try {
      const response = await fetch(`${this.path}/${key}`, { signal: controller.signal });
      this.unreachable = false;
      this.rest_ms = RETRY_MS;
      if (response.ok) {
        this.tiles.set(key, await this.decode(response));
        if (this.tiles.size > KEPT) this.tiles.delete(this.tiles.keys().next().value);
      } else if (response.status === 503) {
        this.wanted.push(tile);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } else {
        const answer = await response.json().catch(() => null);
        this.failure = answer?.reason ?? `the server answered ${response.status}`;
      }
    } catch (error) {
      if (error.name !== "AbortError") this.rest();
    }
    this.flying.delete(key);
    this.pump();
    this.changed();
  }
}

/** Values of a tile as the server sends them: float32, little-endian as every machine with a browser is. */
export async function decodeValues(response) {
  return new Float32Array(await response.arrayBuffer());
}

/** Training points of a tile: x, y, x, y, …, and how many there are in all. */
export async function decodePoints(response) {
  const total = Number(response.headers.get("X-Total"));
  return { xy: new Float64Array(await response.arrayBuffer()), total };
}
