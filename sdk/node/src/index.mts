/** For `import`: the same modules as for `require`, so that a process has one of each class and one set of producers. */

export * from './index.js';
