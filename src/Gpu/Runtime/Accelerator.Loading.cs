namespace Lia.Gpu.Runtime;

/// <content>
/// The typed loaders, named as ILGPU's: <c>Stream</c> in a name means the launcher uses the default stream, otherwise it takes one;
/// <c>AutoGrouped</c> means the launcher takes the number of threads, which the kernel's first parameter indexes, otherwise it takes a
/// <see cref="KernelConfig"/>. One line per number of parameters; a kernel with more takes a struct.
/// </content>
public abstract partial class Accelerator
{
    /// <summary>Loads an explicitly grouped kernel; the launcher takes the stream, the shape and the arguments.</summary>
    /// <exception cref="Compiler.KernelCompilationException">The kernel is outside the dialect.</exception>
    public Action<AcceleratorStream, KernelConfig, T1> LoadKernel<T1>(Action<T1> kernel) where T1 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2> LoadKernel<T1, T2>(Action<T1, T2> kernel) where T1 : unmanaged where T2 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3> LoadKernel<T1, T2, T3>(Action<T1, T2, T3> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4> LoadKernel<T1, T2, T3, T4>(Action<T1, T2, T3, T4> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5> LoadKernel<T1, T2, T3, T4, T5>(Action<T1, T2, T3, T4, T5> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6> LoadKernel<T1, T2, T3, T4, T5, T6>(Action<T1, T2, T3, T4, T5, T6> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7> LoadKernel<T1, T2, T3, T4, T5, T6, T7>(Action<T1, T2, T3, T4, T5, T6, T7> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8>(Action<T1, T2, T3, T4, T5, T6, T7, T8> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>>(kernel);

    /// <inheritdoc cref="LoadKernel{T1}(Action{T1})"/>
    public Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged where T12 : unmanaged => Launch<Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>>(kernel);

    /// <summary>Loads an explicitly grouped kernel; the launcher takes the shape and the arguments and uses the default stream.</summary>
    /// <exception cref="Compiler.KernelCompilationException">The kernel is outside the dialect.</exception>
    public Action<KernelConfig, T1> LoadStreamKernel<T1>(Action<T1> kernel) where T1 : unmanaged => Launch<Action<KernelConfig, T1>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2> LoadStreamKernel<T1, T2>(Action<T1, T2> kernel) where T1 : unmanaged where T2 : unmanaged => Launch<Action<KernelConfig, T1, T2>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3> LoadStreamKernel<T1, T2, T3>(Action<T1, T2, T3> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4> LoadStreamKernel<T1, T2, T3, T4>(Action<T1, T2, T3, T4> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5> LoadStreamKernel<T1, T2, T3, T4, T5>(Action<T1, T2, T3, T4, T5> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6> LoadStreamKernel<T1, T2, T3, T4, T5, T6>(Action<T1, T2, T3, T4, T5, T6> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7>(Action<T1, T2, T3, T4, T5, T6, T7> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8>(Action<T1, T2, T3, T4, T5, T6, T7, T8> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>>(kernel);

    /// <inheritdoc cref="LoadStreamKernel{T1}(Action{T1})"/>
    public Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged where T12 : unmanaged => Launch<Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>>(kernel);

    /// <summary>Loads an implicitly grouped kernel; the launcher takes the stream, the number of threads and the arguments.</summary>
    /// <exception cref="Compiler.KernelCompilationException">The kernel is outside the dialect.</exception>
    public Action<AcceleratorStream, Index1D, T1> LoadAutoGroupedKernel<T1>(Action<Index1D, T1> kernel) where T1 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2> LoadAutoGroupedKernel<T1, T2>(Action<Index1D, T1, T2> kernel) where T1 : unmanaged where T2 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3> LoadAutoGroupedKernel<T1, T2, T3>(Action<Index1D, T1, T2, T3> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4> LoadAutoGroupedKernel<T1, T2, T3, T4>(Action<Index1D, T1, T2, T3, T4> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5> LoadAutoGroupedKernel<T1, T2, T3, T4, T5>(Action<Index1D, T1, T2, T3, T4, T5> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6>(Action<Index1D, T1, T2, T3, T4, T5, T6> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedKernel{T1}(Action{Index1D, T1})"/>
    public Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadAutoGroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged where T12 : unmanaged => Launch<Action<AcceleratorStream, Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>>(kernel);

    /// <summary>Loads an implicitly grouped kernel; the launcher takes the number of threads and the arguments and uses the default stream.</summary>
    /// <exception cref="Compiler.KernelCompilationException">The kernel is outside the dialect.</exception>
    public Action<Index1D, T1> LoadAutoGroupedStreamKernel<T1>(Action<Index1D, T1> kernel) where T1 : unmanaged => Launch<Action<Index1D, T1>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2> LoadAutoGroupedStreamKernel<T1, T2>(Action<Index1D, T1, T2> kernel) where T1 : unmanaged where T2 : unmanaged => Launch<Action<Index1D, T1, T2>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3> LoadAutoGroupedStreamKernel<T1, T2, T3>(Action<Index1D, T1, T2, T3> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged => Launch<Action<Index1D, T1, T2, T3>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4> LoadAutoGroupedStreamKernel<T1, T2, T3, T4>(Action<Index1D, T1, T2, T3, T4> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5>(Action<Index1D, T1, T2, T3, T4, T5> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6>(Action<Index1D, T1, T2, T3, T4, T5, T6> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>>(kernel);

    /// <inheritdoc cref="LoadAutoGroupedStreamKernel{T1}(Action{Index1D, T1})"/>
    public Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadAutoGroupedStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> kernel) where T1 : unmanaged where T2 : unmanaged where T3 : unmanaged where T4 : unmanaged where T5 : unmanaged where T6 : unmanaged where T7 : unmanaged where T8 : unmanaged where T9 : unmanaged where T10 : unmanaged where T11 : unmanaged where T12 : unmanaged => Launch<Action<Index1D, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>>(kernel);

    private TDelegate Launch<TDelegate>(Delegate kernel) where TDelegate : Delegate
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return Launcher.Create<TDelegate>(LoadKernel(kernel.Method));
    }
}
