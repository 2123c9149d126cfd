// What the service answers, as docs/service.md has it. Types only.

/**
 * @typedef {{ name: string, version: string, demonstration: boolean, size: number, directions: number, mode: string, device: string,
 *   ffmpeg: boolean, formats: string[], limits: { uploadBytes: number, delta: number, strength: number } }} Model
 * @typedef {{ left: number, top: number, width: number, height: number }} Box  In pixels of the picture.
 * @typedef {{ id: string, name: string, width: number, height: number, crop: Box }} Source
 * @typedef {{ id: string, name: string, frames: number, encoded: number, width: number, height: number, seconds: number, rate: string,
 *   sound: boolean }} Driving
 * @typedef {{ url: string, name: string, type: string, bytes: number, frames: number, width: number, height: number, rate: string,
 *   sound: boolean }} Result
 * @typedef {"queued" | "running" | "done" | "failed" | "cancelled"} Status
 * @typedef {{ id: string, status: Status, created: string, started: string | null, finished: string | null, source: string, driving: string | null,
 *   options: Record<string, unknown>, stage: string | null, done: number, of: number | null, secondsLeft: number | null, error: string | null,
 *   command: string, result: Result | null }} Animation
 * @typedef {"directions" | "clip" | "camera"} Mode
 */

export {};
