export const render = () => ({ markdown: [], plots: {} });
