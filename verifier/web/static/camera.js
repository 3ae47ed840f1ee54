// The live camera: shows what it sees, asks the server about one frame at a time what it shows, and hands the frame with
// a code to the photo form, so that its verdict is the page of any photo. Nothing is judged, worded or kept here.
const way = document.querySelector(".scan"), dialog = document.getElementById("camera");
const opener = document.getElementById("scan"), trouble = document.getElementById("trouble");
const find = (what) => dialog.querySelector(what);
const video = find("video"), canvas = find("canvas"), line = find(".say"), zoom = find(".zoom input");
const torch = find(".torch"), other = find(".other");

const FAULTS = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "absent", OverconstrainedError: "absent",
  NotReadableError: "busy", AbortError: "busy" };
const SIDES = [1280, 960, 640]; // pixels on the long side: a slow way to the server gets smaller frames
const SLOW_MS = 900, QUICK_MS = 300, PACE_MS = 400, ANSWER_MS = 10_000, CLOSER_MS = 6_000;
const SURE = 4, SURE_OF_STRIPES = 10; // frames that say so before what settles nothing is shown: a box takes time to turn
const WIDTH = { ideal: 1280 }, HEIGHT = { ideal: 720 };

let session = null; // the one use of the camera that is going on
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (what) => { const words = line.dataset[what]; if (line.textContent !== words) line.textContent = words; };

// --- opening and leaving ---------------------------------------------------------------------------------------------

async function open(device) {
  const mine = session = { looked: 0, said: new Map(), side: 0, reached: true, asked: null };
  tell(null);
  show("asking");
  if (!dialog.open) dialog.showModal();
  try {
    const stream = await ask(device ? { deviceId: { exact: device } } : { facingMode: { ideal: "environment" } });
    if (session !== mine) return release(stream); // stopped while the browser was asking
    mine.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => session === mine && leave("paused"));
    video.srcObject = stream;
    await video.play();
    video.parentElement.style.setProperty("--ratio", video.videoWidth / video.videoHeight);
    mine.began = performance.now();
    show("looking");
    await tools(mine);
    await watch(mine);
  } catch (fault) {
    if (session === mine) leave(FAULTS[fault.name] ?? "unsupported");
  }
}

async function ask(which) {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...which, width: WIDTH, height: HEIGHT } });
  } catch (fault) {
    if (fault.name !== "OverconstrainedError") throw fault;
    return navigator.mediaDevices.getUserMedia({ video: true }); // any camera is better than none
  }
}

const release = (stream) => stream?.getTracks().forEach((track) => track.stop());

// Everything stops here, whoever closed the dialog; `why` is told on the page, where the other ways in stand.
function leave(why) {
  release(session?.stream);
  session?.asked?.abort();
  session = null;
  video.srcObject = null;
  if (dialog.open) dialog.close();
  if (!why) return;
  tell(why);
  trouble.focus();
}

function tell(why) {
  for (const one of trouble.children) one.hidden = one.dataset.trouble !== why;
  trouble.hidden = !why;
  document.documentElement.classList.toggle("live", !why || why === "paused");
}

function show(state) {
  dialog.dataset.state = state;
  canvas.hidden = state !== "read";
  say(state);
}

// --- looking ---------------------------------------------------------------------------------------------------------

async function watch(mine) {
  while (session === mine) {
    const begun = performance.now(), end = mine.began + dialog.dataset.limit * 1000;
    if (begun > end) return leave(mine.reached ? "nothing" : "unreached");
    const frame = await picture(mine);
    const found = await read(frame, mine);
    if (session !== mine) return;
    if (begun + found.wait > end) return leave(found.words === "many" ? "many" : "unreached");
    if (found.read) return hand(frame, found.corners);
    if (found.words) say(found.words);
    else if (begun - mine.began > CLOSER_MS) say("closer");
    else say("looking");
    const took = performance.now() - begun;
    if (!found.wait) mine.side = Math.min(Math.max(mine.side + (took > SLOW_MS) - (took < QUICK_MS), 0), SIDES.length - 1);
    await wait(found.wait ?? Math.max(PACE_MS - took, 0));
  }
}

// What the camera shows now, as a JPEG; every fourth frame in full, since small codes need it.
function picture(mine) {
  const side = SIDES[mine.looked++ % 4 ? mine.side : 0];
  const scale = Math.min(side / Math.max(video.videoWidth, video.videoHeight), 1);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
}

// What the server reads in a frame: {read, corners} once that can be shown, else what to say and how long to wait.
async function read(frame, mine) {
  const body = new FormData(), asked = mine.asked = new AbortController();
  body.append("image", frame, "frame.jpg");
  const late = setTimeout(() => asked.abort(), ANSWER_MS);
  try {
    const answer = await fetch(dialog.dataset.ask, { method: "POST", body, cache: "no-store", signal: asked.signal });
    mine.reached = answer.status < 500 && answer.status !== 429;
    const wait = (Number(answer.headers.get("Retry-After")) || 2) * 1000;
    if (!mine.reached) return { words: answer.status === 429 ? "many" : "down", wait };
    const told = await answer.json(), corners = told.codes?.[0]?.corners;
    if (told.seen === "pack") return { read: true, corners };
    return doubt(told.seen ?? "refused", mine, corners);
  } catch {
    mine.reached = false;
    return { words: "lost", wait: 2_000 };
  } finally {
    clearTimeout(late);
  }
}

// A reading that settles nothing (stripes, two boxes, a foreign link) is shown only if the next frames say the same.
function doubt(seen, mine, corners) {
  if (seen === "nothing_read") return {};
  const times = (mine.said.get(seen) ?? 0) + 1;
  mine.said.set(seen, times);
  const words = { stripes: "stripes", several: "disagree" }[seen] ?? "doubt";
  return { words, read: times >= (seen === "stripes" ? SURE_OF_STRIPES : SURE), corners };
}

// The frame that was read: frozen, outlined, and sent as a photo.
function hand(frame, corners) {
  show("read");
  if (corners) outline(corners);
  navigator.vibrate?.(80);
  release(session.stream);
  const files = new DataTransfer(), field = document.getElementById("photo");
  files.items.add(new File([frame], "frame.jpg", { type: "image/jpeg" }));
  field.form.reset();
  field.files = files.files;
  field.form.requestSubmit();
}

function outline(corners) {
  const pen = canvas.getContext("2d");
  for (const [width, colour] of [[0.02, "#fff"], [0.01, "#0b57d0"]]) {
    pen.lineWidth = width * canvas.width;
    pen.strokeStyle = colour;
    pen.lineJoin = "round";
    pen.beginPath();
    for (const [x, y] of corners) pen.lineTo(x, y);
    pen.closePath();
    pen.stroke();
  }
}

// --- what the camera can do -------------------------------------------------------------------------------------------

async function tools(mine) {
  const track = mine.stream.getVideoTracks()[0];
  const can = track.getCapabilities?.() ?? {}, is = track.getSettings();
  torch.hidden = !can.torch;
  torch.setAttribute("aria-pressed", "false");
  zoom.parentElement.hidden = !(can.zoom?.max > can.zoom?.min);
  if (can.zoom) Object.assign(zoom, { min: can.zoom.min, max: can.zoom.max, step: can.zoom.step || 0.1, value: is.zoom });
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
  const next = cameras[(cameras.findIndex((one) => one.deviceId === is.deviceId) + 1) % cameras.length];
  other.hidden = cameras.length < 2;
  other.dataset.next = next?.deviceId ?? "";
}

const set = (wish) => session?.stream?.getVideoTracks()[0].applyConstraints({ advanced: [wish] }).catch(() => {});

torch.addEventListener("click", () => {
  const on = torch.getAttribute("aria-pressed") !== "true";
  torch.setAttribute("aria-pressed", String(on));
  set({ torch: on });
});
zoom.addEventListener("input", () => set({ zoom: Number(zoom.value) }));
other.addEventListener("click", () => {
  release(session?.stream);
  session?.asked?.abort();
  open(other.dataset.next);
});
find(".stop").addEventListener("click", () => leave());
dialog.addEventListener("close", () => session && leave());
document.addEventListener("visibilitychange", () => {
  if (document.hidden && session && dialog.dataset.state !== "read") leave("paused");
});
addEventListener("pageshow", (event) => event.persisted && leave());

// --- is there a camera to offer? ---------------------------------------------------------------------------------------

if (navigator.mediaDevices?.getUserMedia && dialog.showModal) {
  way.hidden = false;
  document.documentElement.classList.add("live");
  opener.addEventListener("click", () => open());
} else {
  tell(isSecureContext ? "unsupported" : "insecure");
}
