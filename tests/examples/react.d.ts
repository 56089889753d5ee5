// The part of React's types that the example uses: React is no dependency of this project.
declare module "react" {
  export function useState<S>(initial: S): [S, (next: S | ((known: S) => S)) => void];
  export function useEffect(effect: () => void | (() => void), inputs: readonly unknown[]): void;
  export function createElement(type: string | ((props: never) => unknown), props: object, ...children: unknown[]): unknown;
}
