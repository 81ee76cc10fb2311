import { h, type ComponentChildren, type VNode } from "preact";
import htm from "htm";

/**
 * JSX without a build step; everything interpolated is text, never markup. As in JSX, a line break between a text and a
 * value is no space: write `${" "}` where one is meant.
 */
export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
export type Children = ComponentChildren;
