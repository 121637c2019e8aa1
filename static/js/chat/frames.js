// Dispatch of the server's frames: which module handles what, and in which order.

import { word } from "../lib/words.js";
import * as pending from "../message/pending.js";
import * as announce from "../room/announce.js";
import * as conversation from "../room/conversation.js";
import { refuse } from "../room/refusal.js";
import * as scroll from "../room/scroll.js";
import * as timeline from "../room/timeline.js";
import * as banner from "./banner.js";
import { limits } from "./limits.js";
import { page, person } from "./page.js";
import * as presence from "./presence.js";
import * as sender from "./sender.js";
import * as socket from "./socket.js";
import * as unread from "./unread.js";

// A server of the release before this one does not name conversations; it means the one on the screen.
function isHere({ conversation: key = page.conversation }) {
  return key === page.conversation;
}

// Control frames, for this connection only. `refetch` reloads the list when the server cannot bring it up to date.
export const control = {
  hello({ conversation: key, recovered, healthy, limits: sizes }, refetch) {
    control.storage({ healthy });
    Object.assign(limits, sizes);
    if (conversation.begin(key) && recovered === false) refetch();
  },
  ready({ upto }, refetch) {
    if (!conversation.finish(upto, refetch)) return;
    socket.settle();
    banner.up();
    sender.up();
    pending.paint();
    unread.look();
  },
  sent(frame) {
    conversation.name(frame);
    sender.sent(frame);
  },
  saved(frame) {
    const ids = sender.saved(frame);
    if (frame.upto && isHere(frame)) conversation.advance(frame.upto);
    ids.forEach(pending.seal);
  },
  refused(frame) {
    if (frame.key) sender.refused(frame);
    else refuse(frame.reason);
  },
  failed(frame) {
    if (!frame.change && isHere(frame)) conversation.take([frame.id]); // else what stood before came as a revision
    sender.refused(frame);
  },
  storage({ healthy }) {
    banner.trouble(healthy === false ? word("storage_trouble") : "");
  },
  unread: unread.set, // and `beat`, which says nothing but that the server is there
};

// HTML fragments, the same for every reader, by swap style. Each returns the elements it put into the page. `isLive` is
// false when a page request brought the fragment: older messages.
export const swaps = {
  timeline(list, content, isLive) {
    const items = [...content.querySelectorAll(":scope > .msg")];
    if (!isLive) return list === page.list ? conversation.extend(items) : [];
    if (!conversation.takes(list)) return [];
    const fresh = conversation.bring(items);
    pending.paint();
    if (conversation.isLive()) arrived(fresh.filter((item) => !timeline.isRevised(item)));
    return fresh.filter((item) => item.isConnected);
  },
  removed(list, content) {
    if (conversation.takes(list)) conversation.take([...content.children].map((item) => Number(item.dataset.mid)));
    pending.paint();
    return [];
  },
  unread: (side, notice) => unread.notice(notice),
  presence(side, notice) {
    presence.notice(notice);
    return [];
  },
  // People who registered after the lists of people were drawn.
  newcomers(list, content) {
    const known = (row) => list.querySelector(`[data-person="${row.querySelector("[data-person]").dataset.person}"]`);
    const rows = [...content.children].filter((row) => !known(row));
    list.append(...rows);
    presence.paint();
    // Where that cannot be loaded they stay at the end.
    if (rows.length) import("../room/people.js").then(({ settle }) => settle(list, rows), () => {});
    return rows;
  },
  departed(side, { dataset }) {
    presence.depart(dataset.user);
    return [];
  },
  typing(line, { dataset }) {
    if (conversation.isLive() && dataset.user !== person.id) presence.typing(dataset.user, dataset.name);
    return [];
  },
};

function arrived(fresh) {
  const others = fresh.filter((item) => !timeline.isOwn(item));
  if (!scroll.isNear()) scroll.miss(others.length);
  else if (others.length === 1) others[0].classList.add("fresh"); // animating many at once is distracting
  announce.hear(others);
  for (const { dataset } of fresh) {
    presence.heard(dataset.author);
    unread.hear(page.conversation, Number(dataset.mid), dataset.author);
  }
  unread.look();
}
