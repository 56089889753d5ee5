// The program of a worker: decodes the chunks that js/codec/workers.js posts.
import { serve } from "./codec/serve.js";

serve(globalThis);
