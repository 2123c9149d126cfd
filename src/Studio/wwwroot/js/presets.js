/**
 * A preset: where the sliders are.
 * @typedef {{ model: string, strength: number, directions: number[] }} Preset
 */

/**
 * @param {Preset} preset
 * @returns {Blob}
 */
export function writePreset(preset) {
  return new Blob([JSON.stringify({ format: "lia-preset", version: 1, ...preset }, null, 2) + "\n"], { type: "application/json" });
}

/**
 * Reads a preset, which anybody may have made.
 * @param {File} file
 * @param {{ directions: number }} model
 * @param {number} furthest How far the sliders go.
 * @returns {Promise<Preset>}
 * @throws {Error} with the sentence to show.
 */
export async function readPreset(file, model, furthest) {
  const most = 64_000;
  if (file.size > most) throw new Error(`${file.name} is no preset: a preset has at most ${most / 1000} kB.`);
  /** @type {any} */
  let told;
  try {
    told = JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is no preset: it is not JSON.`);
  }
  if (told?.format !== "lia-preset") throw new Error(`${file.name} is no preset: it does not say "format": "lia-preset".`);
  if (told.version !== 1) throw new Error(`${file.name} is a preset of version ${told.version}; version 1 is understood.`);
  const { directions, strength = 1 } = told;
  if (!Array.isArray(directions)) throw new Error(`${file.name} has no list "directions".`);
  if (directions.length !== model.directions)
    throw new Error(`${file.name} is for a model of ${directions.length} directions; this one has ${model.directions}.`);
  /** @type {(value: unknown, least: number) => boolean} */
  const isIn = (value, least) => typeof value === "number" && value >= least && value <= furthest;
  const wrong = directions.findIndex(delta => !isIn(delta, -furthest));
  if (wrong >= 0)
    throw new Error(`In ${file.name}, direction ${wrong} is ${JSON.stringify(directions[wrong])}; it must be a number from -${furthest} to ${furthest}.`);
  if (!isIn(strength, 0)) throw new Error(`In ${file.name}, the strength is ${JSON.stringify(strength)}; it must be a number from 0 to ${furthest}.`);
  return { model: String(told.model ?? ""), strength, directions };
}
