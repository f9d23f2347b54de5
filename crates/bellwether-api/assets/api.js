// Questions to the server, and what it says when it does not answer them.

/** What went wrong, in the server's words where it has any. */
export class ApiError extends Error {
  /** @param {number} status @param {{detail?: string, hint?: string, code?: string}} problem */
  constructor(status, { detail, hint, code }) {
    super(detail ?? `The server answered ${status}.`);
    this.status = status;
    this.hint = hint ?? "";
    this.code = code ?? "";
  }
}

const AWAY = { detail: "The server did not answer.", hint: "See whether the process runs and the network is up. The page tries again by itself.", code: "away" };

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function ask(path, options) {
  const response = await fetch(path, options).catch(() => { throw new ApiError(0, AWAY); });
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, body ?? {});
  return body;
}

/** @param {string} path */
export const get = (path) => ask(path);
/** @param {string} path @param {object} body */
export const post = (path, body) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
/** @param {string} path */
export const remove = (path) => ask(path, { method: "DELETE" });

/** @param {string} task @param {string} [rest] */
export const taskPath = (task, rest = "") => `/api/v1/tasks/${encodeURIComponent(task)}${rest}`;

/** All pages of an answer that has a `next`, as far as `most` pages go. @returns {Promise<{rows: any[], complete: boolean}>} */
export async function pages(path, name, most) {
  const rows = [];
  let after = null;
  for (let page = 0; page < most; page += 1) {
    const body = await get(after === null ? path : `${path}&after=${encodeURIComponent(after)}`);
    rows.push(...body[name]);
    after = body.next;
    if (after === null) return { rows, complete: true };
  }
  return { rows, complete: false };
}

/**
 * A question that is asked again while its view is shown, at most every `every` milliseconds.
 * @param {() => Promise<any>} question @param {number} every @param {(answer: any, error: ApiError | null) => void} take
 */
export function repeatedly(question, every, take) {
  let next = 0;
  let asking = false;
  return async (now = false) => {
    if (asking || (!now && performance.now() < next)) return;
    asking = true;
    try {
      take(await question(), null);
    } catch (error) {
      take(null, /** @type {ApiError} */ (error));
    } finally {
      asking = false;
      next = performance.now() + every;
    }
  };
}
