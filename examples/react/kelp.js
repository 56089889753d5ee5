// A hook that reads a file with progress, and a component that plays it. Without JSX, so that no build step is needed to read it.
import { createElement as h, useEffect, useState } from "react";
import { openFiler } from "kelp-stream";

/** @typedef {{ status: "reading" | "done" | "failed", delivered: number, total: number, blob?: Blob, error?: any }} FileState */

/** @type {FileState} */
const READING = { status: "reading", delivered: 0, total: 0 };

/** Reads the file at a URL of a filer. @param {string} url @returns {FileState} */
export function useKelpFile(url) {
  const [state, setState] = useState(READING);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    /** @param {Partial<FileState>} change */
    const update = (change) => signal.aborted || setState((known) => ({ ...known, ...change }));
    setState(READING);
    openFiler(url, { signal, onProgress: ({ delivered, total }) => update({ delivered, total }) })
      .then((file) => file.blob())
      .then((blob) => update({ status: "done", blob }), (error) => update({ status: "failed", error }));
    return () => controller.abort(); // unmounted, or another URL: every request stops
  }, [url]);
  return state;
}

/** An object URL of a Blob, revoked when it is no longer shown. @param {Blob | undefined} blob */
function useObjectUrl(blob) {
  const [href, setHref] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    if (!blob) return setHref(null);
    const made = URL.createObjectURL(blob);
    setHref(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return href;
}

/** `<KelpVideo url="https://filer.example/videos/film.webm" />` @param {{ url: string }} props */
export function KelpVideo({ url }) {
  const { status, delivered, total, blob, error } = useKelpFile(url);
  const src = useObjectUrl(blob);
  if (status === "failed") return h("p", { role: "alert" }, `${error.code ?? error.name}: ${error.message}`);
  if (!src) return h("progress", { value: delivered, max: total || 1 });
  return h("video", { src, controls: true, width: 640 });
}
