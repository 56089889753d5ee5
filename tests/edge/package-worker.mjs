import { openFiler } from "kelp-stream";

export default {
  async fetch(_, { FILER, VOLUME }) {
    const locate = (fileId) => ({ urls: [`${VOLUME}/${fileId}`], token: "a.b.c" });
    try {
      const file = await openFiler(`${FILER}/f.bin`, { filerToken: "a.b.c", retry: { passes: 1 }, locate });
      return new Response(await file.bytes());
    } catch (error) {
      return new Response(error.code, { status: 500 });
    }
  },
};
