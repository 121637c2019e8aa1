// One message by form post: pictures need it (real progress), and so do conversations the socket is not in.
// XMLHttpRequest, because fetch cannot tell how much of a request has left.

import { person } from "./page.js";

const PATIENCE = 60_000; // ms for an answer to words alone: behind them waits what else was written there

// Send; call `progress(fraction)` on the way; resolve with the server's answer:
// {status, key, id} after *saved*, {status, code, reason, retry, retry_after} when refused, {status: 0} when lost.
export function upload({ action, key, content, rev, files = [] }, progress = () => {}) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("content", content);
  body.append("key", key);
  body.append("author", person.id);
  if (rev) body.append("rev", rev);
  for (const file of files) body.append("pictures", file, file.name);
  const answer = new Promise((resolve) => {
    request.onload = () => {
      const { status } = request;
      resolve({ retry: status >= 500 || status < 400, ...parse(request.response), status });
    };
    request.onerror = request.onabort = request.ontimeout = () => resolve({ status: 0 });
  });
  request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
  request.open("POST", action);
  if (!files.length) request.timeout = PATIENCE;
  request.setRequestHeader("Accept", "application/json");
  request.send(body);
  return { answer, abort: () => request.abort() };
}

// A proxy in between may answer with a page of its own.
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
