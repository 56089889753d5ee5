// JSON with the additional types that behaviours use.

export const encode = (value) => JSON.stringify(value, (_, item) => (isForeign(item) ? { $: [item instanceof RegExp ? "regexp" : typeof item, String(item?.source ?? item)] } : item));

export const decode = (text) => JSON.parse(text, (_, item) => (Array.isArray(item?.$) ? FOREIGN[item.$[0]](item.$[1]) : item));

const isForeign = (item) => item === undefined || typeof item === "bigint" || (typeof item === "number" && !Number.isFinite(item)) || item instanceof RegExp;

const FOREIGN = { undefined: () => undefined, bigint: BigInt, number: Number, regexp: (source) => new RegExp(source) };
