// @ts-check
/** Which call the address names, and how it stands: asked for at once, while the rest of the page is being loaded. It imports nothing, so that it waits for nothing. */

const address = new URLSearchParams(location.search);
export const callId = address.get("id") ?? "";
/** Which call of this id in the archive; empty: the newest one. */
export const archived = address.get("archived") ?? "";
export const path = `calls/${encodeURIComponent(callId)}`;
export const query = archived ? `?archived=${encodeURIComponent(archived)}` : "";
export const answer = fetch(`${path}/timeline${query}`);
answer.catch(() => {}); // who awaits it hears of it
