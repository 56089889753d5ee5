export { createHandler } from "../service-worker/handler.js";
export { register } from "../service-worker/register.js";
